/** Tears down in reverse: the daemon before its directory, a directory before the file system it is on. */
import type { TestContext } from 'node:test';
import type { Scope } from '../../support/tmp.js';

export interface FaultScope extends Scope {
  diagnostic(text: string): void;
}

export function scoped(test: (t: FaultScope) => Promise<void>): (t: TestContext) => Promise<void> {
  return async (t) => {
    const closers: (() => void | Promise<void>)[] = [];
    const failures: unknown[] = [];
    const attempt = async (work: () => void | Promise<void>) => {
      try {
        await work();
      } catch (error) {
        failures.push(error);
      }
    };
    await attempt(() => test({ diagnostic: (text) => t.diagnostic(text), after: (close) => void closers.push(close) }));
    for (const close of closers.reverse()) await attempt(close);
    // The test's own failure first: what it left in disorder may not be torn down, and must not hide it.
    if (failures.length > 0) throw failures[0];
  };
}
