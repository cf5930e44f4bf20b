/** Directories that live as long as one test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** What node:test's context and this project's own scopes have in common. */
export interface Scope {
  after(fn: () => void | Promise<void>): void;
}

/** For what a whole `describe` shares; to be called in its body. */
export function suiteScope(): Scope {
  const closers: (() => void | Promise<void>)[] = [];
  after(async () => {
    for (const close of closers) await close();
  });
  return { after: (fn) => void closers.push(fn) };
}

/** A fresh directory, removed when the scope ends. */
export async function temporaryDirectory(scope: Scope, name = 'cistern'): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), `${name}-`));
  // What was killed in a test, without a process of its own, may still be at its last file.
  scope.after(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}
