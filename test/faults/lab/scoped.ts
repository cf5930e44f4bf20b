/** Tears down in reverse: the daemon before its directory, a directory before the file system it is on. */
import type { TestContext } from 'node:test';
import type { Scope } from '../../support/tmp.js';
import { isVerdict } from './oracle.js';

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
    // The test's own failure first: what it left in disorder may not be torn down, and must not hide it. But it may be that
    // of somebody who asked a daemon that had ended by itself, and only the tearing down says that.
    if (failures.length > 0) throw failures.find(isVerdict) ?? failures[0];
  };
}
