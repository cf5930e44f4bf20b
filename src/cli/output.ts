/** Where commands write and how they end. Results go to `out`, everything else to `err`, so that pipes get results only. */
import type { ErrorCode } from '../lib/errors.js';

/** 0 done; 1 what was asked for failed or was found bad; 2 usage, configuration, or a daemon that cannot be reached. */
export type ExitCode = 0 | 1 | 2;

export type OutputFormat = 'text' | 'json';

export interface Terminal {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export const systemTerminal: Terminal = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  env: process.env,
};

export const toJson = (value: unknown): string => JSON.stringify(value, undefined, 2);

/** Failures that say something about the set-up and not about what was asked for. */
export const SETUP_ERRORS: readonly ErrorCode[] = ['CONFIG_INVALID', 'DIRECTORY_IN_USE', 'LAYOUT_UNKNOWN'];
