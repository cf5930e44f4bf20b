/**
 * How the store grew over the last week, an hour apart, so that it can be told when it will be full. The samples are one
 * record of the index, so they outlive a restart; an index that is made anew begins again.
 */
import type { Catalog } from '../../catalog/catalog.js';
import { keys } from '../../catalog/keys.js';
import type { StoredSample } from '../../catalog/records.js';
import type { Clock } from '../../lib/clock.js';
import type { Logger } from '../../lib/log.js';
import { note } from '../notes.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const KEPT = 7 * DAY;
/** Milliseconds between two looks at whether an hour is over. */
const LOOK_EVERY = 60_000;

export interface GrowthParts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Growth {
  readonly #parts: GrowthParts;
  readonly #stop: () => void;
  #sampling: Promise<void> = Promise.resolve();

  private constructor(parts: GrowthParts) {
    const { clock, log } = parts;
    this.#parts = parts;
    const look = () => {
      this.#sampling = this.#sampling
        .then(() => this.#sample())
        .catch((error: unknown) => log.warn({ err: error }, 'how much is stored was not recorded'));
    };
    this.#stop = clock.every(LOOK_EVERY, look);
    look();
  }

  /** Takes samples from now on. */
  static start(parts: GrowthParts): Growth {
    return new Growth(parts);
  }

  /** Bytes a day; negative when it shrank; undefined before a whole day is recorded. */
  async perDay(): Promise<number | undefined> {
    const [[from, before] = [0, 0], ...later] = await this.#samples();
    const [to, now] = later.at(-1) ?? [from, before];
    return to - from < DAY ? undefined : ((now - before) / (to - from)) * DAY;
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#sampling;
  }

  /** Those of a clock that was wrong, and so lie ahead, are left out. */
  async #samples(): Promise<readonly StoredSample[]> {
    const { catalog, clock } = this.#parts;
    const now = clock.now();
    const samples = (await catalog.records.get(keys.growth)) ?? [];
    return samples.filter(([at]) => at <= now && at > now - KEPT);
  }

  async #sample(): Promise<void> {
    const { catalog, clock, log } = this.#parts;
    // A rebuild finds again what was there: that is no growth.
    if (catalog.rebuilding || catalog.health !== 'ready') return;
    const samples = await this.#samples();
    const now = clock.now();
    if (now - (samples.at(-1)?.[0] ?? -Infinity) < HOUR) return;
    const { bytes } = await catalog.stored();
    await note(
      log,
      'how much is stored',
      catalog.turn((tx) => tx.put(keys.growth, [...samples, [now, bytes]])),
    );
  }
}
