/**
 * podman and buildah: both pull by `registries.conf` into the storage library they share, unpacked by plain copies. What
 * arrived is read back by copying the images out of that storage, which packs every layer again as it was.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../support/processes.js';
import { type Client, digestsOfFiles, nameOf, nothingToStop, type Place, type RunningClient } from './client.js';

export const podman: Client = {
  name: 'podman',
  tried: 'real',
  configuredAs: 'podman',
  programs: ['podman', 'skopeo'],
  start: (place) => start('podman', place),
  platforms: 'own',
  keeps: 'unpacked',
  listsTags: false,
};

export const buildah: Client = {
  name: 'buildah',
  tried: 'real',
  configuredAs: 'buildah',
  programs: ['buildah', 'skopeo'],
  start: (place) => start('buildah', place),
  platforms: 'own',
  keeps: 'unpacked',
  listsTags: false,
};

async function start(program: string, { dir, config }: Place): Promise<RunningClient> {
  const registries = join(dir, 'registries.conf');
  await writeFile(registries, config);
  const policy = join(dir, 'policy.json');
  await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  const [root, runroot, out] = [join(dir, 'root'), join(dir, 'run'), join(dir, 'out')];
  const storage = [`--root=${root}`, `--runroot=${runroot}`, '--storage-driver=vfs'];

  return {
    pull: async (references) => {
      for (const old of [root, runroot, out]) await rm(old, { recursive: true, force: true });
      await mkdir(out);
      for (const [at, reference] of references.entries()) {
        await run(program, [...storage, 'pull', '--quiet', `--signature-policy=${policy}`, nameOf(reference)], {
          CONTAINERS_REGISTRIES_CONF: registries,
        });
        const stored = `containers-storage:[vfs@${root}+${runroot}]${nameOf(reference)}`;
        await run('skopeo', ['copy', '--quiet', '--insecure-policy', stored, `dir:${join(out, String(at))}`]);
      }
      return await digestsOfFiles(out, (path) => /\/[0-9a-f]{64}$/.test(path));
    },
    stop: nothingToStop,
  };
}
