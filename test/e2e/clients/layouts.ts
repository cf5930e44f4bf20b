/**
 * crane, regctl and oras: each copies whole images, with every platform, into an OCI image layout. crane and oras know no
 * mirrors: what is printed for them is a command, and that command is run.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../support/processes.js';
import { type Client, digestsOfFiles, nameOf, nothingToStop, type Place, type Reference } from './client.js';
import { goTool } from './programs.js';

/** Copies one image into a directory that is not there yet. */
type Copy = (reference: Reference, layout: string) => Promise<unknown>;

export const crane = layoutClient('crane', (place) => Promise.resolve(printedCommand('crane', place)));
export const oras = layoutClient('oras', (place) => Promise.resolve(printedCommand('oras', place)));
export const regctl = layoutClient('regctl', async ({ dir, config }) => {
  const file = join(dir, 'config.json');
  await writeFile(file, config);
  return (reference, layout) =>
    run(goTool('regctl'), ['image', 'copy', nameOf(reference), `ocidir://${layout}:${reference.tag}`], {
      REGCTL_CONFIG: file,
    });
});

function layoutClient(name: 'crane' | 'oras' | 'regctl', configured: (place: Place) => Promise<Copy>): Client {
  return {
    name,
    tried: 'real',
    configuredAs: name,
    programs: [goTool(name)],
    start: async (place) => {
      const copy = await configured(place);
      const out = join(place.dir, 'out');
      return {
        pull: async (references) => {
          await rm(out, { recursive: true, force: true });
          await mkdir(out);
          for (const [at, reference] of references.entries()) await copy(reference, join(out, String(at)));
          return await digestsOfFiles(out, (path) => path.includes('/blobs/'));
        },
        stop: nothingToStop,
      };
    },
    platforms: 'all',
    keeps: 'blobs',
    listsTags: false,
  };
}

/** The line for docker.io, up to its comment, with the image's name and the directory put in. */
function printedCommand(name: 'crane' | 'oras', { config }: Place): Copy {
  const line = config.split('\n').find((each) => each.endsWith('# docker.io/IMAGE'));
  if (line === undefined) throw new Error(`nothing is printed for docker.io:\n${config}`);
  const [program, ...words] = line.replace(/ +#.*/, '').split(' ');
  if (program !== name) throw new Error(`${name} expected in: ${line}`);
  return ({ repository, tag }, layout) =>
    run(
      goTool(name),
      words.map((word) => word.replace('IMAGE', `${repository}:${tag}`).replace('DIRECTORY', layout)),
    );
}
