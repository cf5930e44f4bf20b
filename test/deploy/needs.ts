/** Tests here are skipped where the programs are missing that they need; with CI set they fail there instead. */
import { missing } from '../e2e/clients/programs.js';

/** For node:test's `skip`. `root` is the user. */
export function unlessInstalled(...programs: readonly string[]): string | false {
  if (process.env['CI'] !== undefined) return false;
  if (programs.includes('root') && process.getuid?.() !== 0) return 'needs root';
  const lacking = missing(programs.filter((program) => program !== 'root'));
  return lacking === undefined ? false : `needs ${lacking}`;
}
