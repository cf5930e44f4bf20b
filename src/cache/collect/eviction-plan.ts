/**
 * Which images would leave next, and what that would free: an eviction in thought, from the same choice and by the same
 * steps as a real one. It goes by what is stored now, so it is a forecast: a pull may save an image, and garbage that the
 * sweep finds first may save several.
 */
import type { CollectedImage, CollectorPolicy } from './collection.js';
import { evict } from './eviction.js';
import { ImaginedEraser } from './imagined-eraser.js';
import type { RetentionParts, Victim } from './retention.js';

export interface EvictionPlan {
  /** Bytes stored at which it begins, and down to which it goes. */
  readonly above: number;
  readonly downTo: number;
  /** In the order in which they leave. */
  readonly images: readonly CollectedImage[];
  /** Bytes that they free together. */
  readonly frees: number;
  /** Whether more would have to leave than was looked at. */
  readonly more: boolean;
}

export interface PlannedEviction extends RetentionParts {
  readonly policy: Pick<CollectorPolicy, 'maxSize' | 'highWatermark' | 'lowWatermark'>;
  /** Bytes that count towards maxSize. */
  readonly used: number;
  /** Those that may go, the least recently pulled first. */
  readonly victims: readonly Victim[];
  /** How many images are looked at; about, because they leave in batches. */
  readonly most: number;
  readonly signal: AbortSignal;
}

export async function planEviction(planned: PlannedEviction): Promise<EvictionPlan> {
  const { policy, used, victims, most } = planned;
  const above = policy.highWatermark * policy.maxSize;
  const downTo = policy.lowWatermark * policy.maxSize;
  const needed = Math.max(used, above) - downTo;
  const images: CollectedImage[] = [];
  let frees = 0;
  let offered = victims;
  await evict({
    ...planned,
    eraser: new ImaginedEraser(planned),
    retention: {
      leastRecent: () => {
        const now = offered;
        offered = [];
        return Promise.resolve(now);
      },
    },
    removed: () => undefined,
    gone: ({ size }) => {
      frees += size ?? 0;
    },
    excess: () => (images.length < most ? needed - frees : 0),
    dropped: (some) => void images.push(...some),
  });
  return { above, downTo, images, frees, more: frees < needed && images.length >= most };
}
