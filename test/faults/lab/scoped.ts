/** Tears down in reverse: the daemon before its directory, a directory before the file system it is on. */
import type { TestContext } from 'node:test';
import type { Scope } from '../../support/tmp.js';

export interface FaultScope extends Scope {
  diagnostic(text: string): void;
}

export function scoped(test: (t: FaultScope) => Promise<void>): (t: TestContext) => Promise<void> {
  return async (t) => {
    const closers: (() => void | Promise<void>)[] = [];
    try {
      await test({
        diagnostic: (text) => t.diagnostic(text),
        after: (close) => void closers.push(close),
      });
    } finally {
      for (const close of closers.reverse()) await close();
    }
  };
}
