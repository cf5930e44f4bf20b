/** A terminal that remembers what was written to it. */
import type { Terminal } from '../../src/cli/output.js';

export interface RecordedTerminal extends Terminal {
  readonly stdout: string[];
  readonly stderr: string[];
}

export function recordedTerminal(env: Terminal['env'] = {}): RecordedTerminal {
  const stdout: string[] = [];
  const stderr: string[] = [];
  return { env, stdout, stderr, out: (line) => void stdout.push(line), err: (line) => void stderr.push(line) };
}
