/**
 * System calls that fail, wait or kill, one exact call of one thread at a time. The daemon runs with one thread for its
 * file work, so that the n-th call is the same call on every run.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { unless } from './skip.js';

/** Why it cannot be used here; false when it can. */
export const withoutStrace = (() => {
  const tried = spawnSync('strace', ['-o', '/dev/null', 'true']);
  return unless(tried.status === 0, `strace does not run: ${tried.error?.message ?? String(tried.stderr)}`);
})();

/** What happens at the `nth` call (from 1) of each thread, or from it on. */
export interface Injection {
  readonly syscalls: readonly string[];
  readonly nth: number;
  readonly forGood?: boolean;
  readonly does: 'kill' | 'EIO' | 'ENOSPC' | { readonly delayMs: number };
  /** Only calls on these files or directories. */
  readonly paths?: readonly string[];
}

/** The command that runs the daemon under it. `-D`: the daemon stays our child, so that signals reach it. */
export function under({ syscalls, nth, forGood, does, paths = [] }: Injection, logFile: string): readonly string[] {
  const effect =
    does === 'kill' ? 'signal=KILL' : typeof does === 'string' ? `error=${does}` : `delay_exit=${does.delayMs * 1000}`;
  const calls = syscalls.join(',');
  const when = `when=${nth}${forGood ? '+' : ''}`;
  const only = paths.flatMap((path) => ['-P', path]);
  return [
    ...['env', 'UV_THREADPOOL_SIZE=1', 'strace', '-D', '-f', '-qq', '-o', logFile],
    // Leaves the other calls alone, so it is many times faster; but strace 6 sends no signals with it.
    ...(does === 'kill' ? [] : ['--seccomp-bpf']),
    ...only,
    ...['-e', `trace=${calls}`, '-e', `inject=${calls}:${effect}:${when}`],
  ];
}

/** How often it happened. */
export function injections(logFile: string, does: Injection['does']): number {
  const mark = does === 'kill' ? /killed by SIGKILL/ : /\(INJECTED\)|\(DELAYED\)/;
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => mark.test(line)).length;
}
