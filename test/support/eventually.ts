/** Waits for what has no event of its own; fails by name when it does not come. */
import { setTimeout as sleep } from 'node:timers/promises';

export async function eventually(
  holds: () => boolean | Promise<boolean>,
  what: string,
  timeout = 10_000,
): Promise<void> {
  const until = performance.now() + timeout;
  while (!(await holds())) {
    if (performance.now() > until) throw new Error(`waited ${timeout} ms in vain until ${what}`);
    await sleep(5);
  }
}
