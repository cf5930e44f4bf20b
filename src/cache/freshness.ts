/**
 * Whether what upstream once said still counts. Two clocks, because either alone is wrong: by the one on the wall it is
 * fresh, so that nothing is believed unasked after a month switched off, and nor is what a clock set back has put into the
 * future. By running time it is stale for too long, so that a clock set ahead in an outage takes nothing from anybody.
 */
import type { Checked } from '../catalog/catalog.js';

/** Need not be asked again yet. `ttl` in milliseconds. */
export function isFresh({ checkedAt }: Pick<Checked, 'checkedAt'>, ttl: number, now: number): boolean {
  const age = now - checkedAt;
  return age >= 0 && age < ttl;
}

/** Milliseconds of running time since upstream said so. */
export const staleFor = ({ ran }: Checked, { runningTime }: { readonly runningTime: number }): number =>
  Math.max(0, runningTime - ran);
