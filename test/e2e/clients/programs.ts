/** The programs that clients need: where they are, whether they are installed, and how a daemon of theirs is started. */
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { Program } from '../support/processes.js';

/** Where `scripts/install-test-tools` puts what it builds with Go. */
const BUILT = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cistern/test-clients');

export const goTool = (name: string): string => join(BUILT, name);

/** Its mounts end with it, however it ends. */
export const withMountsOfItsOwn = (program: string, args: readonly string[]): Program =>
  new Program('unshare', ['--mount', program, ...args]);

/** The first one that is not; undefined when all are. */
export const missing = (programs: readonly string[]): string | undefined =>
  programs.find((program) => !placesOf(program).some(isExecutable));

const placesOf = (program: string): readonly string[] =>
  isAbsolute(program)
    ? [program]
    : (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, program));

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
