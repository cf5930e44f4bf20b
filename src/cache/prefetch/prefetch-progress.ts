/**
 * How far an image of a job is. What has not changed since the last snapshot is the same object in the next, so that who
 * watches is sent only what moved. Numbers are never kept, only counted from the parts, so they cannot disagree.
 */
import type { JobBlobRecord, JobError, JobImageRecord, JobState } from '../../catalog/records.js';
import type { JobImage } from '../../catalog/jobs.js';
import { hasEnded } from '../../catalog/jobs.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import type { LayerProgress, PrefetchedImage } from './prefetch.js';

interface Part {
  progress: LayerProgress;
  counted: boolean;
}

const isSettled = ({ state }: LayerProgress): boolean => state === 'succeeded' || state === 'reused';

export class ImageProgress {
  readonly number: number;
  readonly reference: string;
  /** Changed since it was last saved. */
  dirty = true;
  readonly #changed: () => void;
  readonly #parts = new Map<Digest, Part>();
  #state: JobState = 'queued';
  #digest: Digest | undefined;
  #platforms: readonly string[] = [];
  #error: JobError | undefined;
  #snapshot: PrefetchedImage | undefined;

  constructor(number: number, reference: string, changed: () => void) {
    this.number = number;
    this.reference = reference;
    this.#changed = changed;
  }

  /** As it was saved. What was under way then is to be done again. */
  static restore({ number, record, blobs }: JobImage, changed: () => void): ImageProgress {
    const image = new ImageProgress(number, record.reference, changed);
    image.#state = hasEnded(record) ? record.state : 'queued';
    image.#digest = record.digest;
    image.#platforms = record.platforms;
    image.#error = record.error;
    for (const { counted, ...progress } of blobs) {
      const state = hasEnded(record) || isSettled(progress) ? progress.state : 'queued';
      image.#parts.set(progress.digest, { progress: { ...progress, state }, counted });
    }
    image.dirty = false;
    return image;
  }

  get state(): JobState {
    return this.#state;
  }

  get hasEnded(): boolean {
    return hasEnded({ state: this.#state });
  }

  has(digest: Digest): boolean {
    return this.#parts.has(digest);
  }

  /** Whether the part is here, as far as this job knows. */
  isSettled(digest: Digest): boolean {
    const part = this.#parts.get(digest);
    return part !== undefined && isSettled(part.progress);
  }

  get counted(): readonly Digest[] {
    return [...this.#parts].filter(([, { counted }]) => counted).map(([digest]) => digest);
  }

  begin(): void {
    this.#state = 'running';
    this.#touch();
  }

  /** A tag may point elsewhere than it did before a restart; then all begins anew. */
  resolve(digest: Digest): void {
    if (this.#digest === digest) return;
    if (this.#digest !== undefined) this.#parts.clear();
    this.#digest = digest;
    this.#touch();
  }

  choose(platforms: readonly string[]): void {
    this.#platforms = platforms;
    this.#touch();
  }

  add({ digest, size }: Descriptor, counted: boolean): void {
    if (this.#parts.has(digest)) return;
    this.#parts.set(digest, { progress: { digest, size, received: 0, state: 'queued' }, counted });
    this.#touch();
  }

  count(digest: Digest, counted: boolean): void {
    const part = this.#parts.get(digest);
    if (!part || part.counted === counted) return;
    part.counted = counted;
    this.#touch();
  }

  start(digest: Digest): void {
    const part = this.#parts.get(digest);
    if (part && !isSettled(part.progress)) this.#update(part, { state: 'running' });
  }

  receive(digest: Digest, received: number): void {
    const part = this.#parts.get(digest);
    if (part?.progress.state !== 'running') return;
    this.#update(part, { received: Math.min(received, part.progress.size) });
  }

  /** It is here. That this job fetched it stays true when it is looked at again. */
  settle(digest: Digest, state: 'succeeded' | 'reused'): void {
    const part = this.#parts.get(digest);
    if (!part || part.progress.state === 'succeeded') return;
    this.#update(part, { state, received: part.progress.size });
  }

  fail(digest: Digest): void {
    const part = this.#parts.get(digest);
    if (part && !isSettled(part.progress)) this.#update(part, { state: 'failed' });
  }

  end(state: 'succeeded' | 'failed' | 'cancelled', error?: JobError): void {
    for (const part of this.#parts.values()) {
      const open = part.progress.state === 'queued' || part.progress.state === 'running';
      if (open) this.#update(part, { state: 'cancelled' });
    }
    this.#state = state;
    this.#error = error;
    this.#touch();
  }

  snapshot(): PrefetchedImage {
    if (this.#snapshot) return this.#snapshot;
    const layers = [...this.#parts.values()].map(({ progress }) => progress);
    this.#snapshot = { ...this.record(), layers: layers.filter(({ digest }) => digest !== this.#digest) };
    return this.#snapshot;
  }

  saved(): JobImage {
    const blobs = [...this.#parts.values()].map(({ progress, counted }): JobBlobRecord => ({ ...progress, counted }));
    return { number: this.number, record: this.record(), blobs };
  }

  record(): JobImageRecord {
    const counted = [...this.#parts.values()].filter((part) => part.counted).map(({ progress }) => progress);
    const reused = counted.filter(({ state }) => state === 'reused');
    return {
      reference: this.reference,
      ...(this.#digest !== undefined && { digest: this.#digest }),
      platforms: this.#platforms,
      state: this.#state,
      blobs: counted.length,
      bytesTotal: sum(counted.map(({ size }) => size)),
      bytesFetched: sum(counted.filter(({ state }) => state !== 'reused').map(({ received }) => received)),
      bytesReused: sum(reused.map(({ received }) => received)),
      ...(this.#error && { error: this.#error }),
    };
  }

  #update(part: Part, change: Partial<LayerProgress>): void {
    const { progress } = part;
    const next = { ...progress, ...change };
    if (next.state === progress.state && next.received === progress.received) return;
    part.progress = next;
    this.#touch();
  }

  #touch(): void {
    this.dirty = true;
    this.#snapshot = undefined;
    this.#changed();
  }
}

/** As it was saved, for a job that has ended. */
export function savedImage(record: JobImageRecord, blobs: readonly JobBlobRecord[]): PrefetchedImage {
  const layers = blobs.map(({ digest, size, received, state }): LayerProgress => ({ digest, size, received, state }));
  return { ...record, layers: layers.filter(({ digest }) => digest !== record.digest) };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
