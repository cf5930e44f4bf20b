/** skopeo copying whole images, with every platform, into directories: it keeps every byte as it came. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pull } from '../support/images.js';
import { type Client, digestsOfFiles, nameOf, nothingToStop, type Place, type RunningClient } from './client.js';

export const skopeo: Client = {
  name: 'skopeo',
  tried: 'real',
  configuredAs: 'skopeo',
  programs: ['skopeo'],
  start,
  platforms: 'all',
  keeps: 'blobs',
  listsTags: false,
};

async function start({ dir, config }: Place): Promise<RunningClient> {
  const registriesConf = join(dir, 'registries.conf');
  await writeFile(registriesConf, config);
  const out = join(dir, 'out');
  return {
    pull: async (references) => {
      await rm(out, { recursive: true, force: true });
      await mkdir(out);
      for (const [at, reference] of references.entries()) {
        await pull(nameOf(reference), join(out, String(at)), { registriesConf, all: true });
      }
      return await digestsOfFiles(out, (path) => !path.endsWith('/version'));
    },
    stop: nothingToStop,
  };
}
