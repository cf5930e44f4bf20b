/**
 * A prefetch job while it runs: one bar a layer on a screen, one line a change of an image elsewhere. It is given what
 * changed, as the daemon sends it, and draws only that.
 */
import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import type { LayerProgress__Output } from '../control/gen/cistern/v1/LayerProgress.js';
import type { PrefetchedImage__Output } from '../control/gen/cistern/v1/PrefetchedImage.js';
import type { PrefetchJob__Output } from '../control/gen/cistern/v1/PrefetchJob.js';
import { counted } from '../lib/counted.js';
import { bytes, iso, shortDigest, word } from './format.js';

export interface PrefetchView {
  update(job: PrefetchJob__Output): void;
  /** Leaves the cursor where the result may be printed. */
  end(): void;
}

export const stateOf = (value: string): string => word('JOB_STATE', value);

export const prefetchView = (screen: NodeJS.WriteStream | undefined, say: (line: string) => void): PrefetchView =>
  screen === undefined ? new Lines(say) : new Bars(screen);

/** Quiet, for machines. */
export const noView: PrefetchView = { update: () => undefined, end: () => undefined };

/** What a change of an image is worth saying of it; undefined for nothing. */
function lineOf(image: PrefetchedImage__Output): string | undefined {
  const state = stateOf(image.state);
  switch (state) {
    case 'queued':
      return undefined;
    case 'running':
      return `${image.reference}: fetching`;
    case 'failed':
      return `${image.reference}: failed: ${image.error?.message ?? 'for no known reason'}`;
    default:
      return `${image.reference}: ${state}, ${counted(image.blobs, 'blob')}, ${bytes(image.bytesFetched)} fetched, ${bytes(image.bytesReused)} reused`;
  }
}

const heldBackLine = ({ heldBack }: PrefetchJob__Output): string | undefined =>
  heldBack === null
    ? undefined
    : `held back: ${heldBack.upstream} lets us pull ${heldBack.remaining} more of ${heldBack.limit}; next look at ${iso(heldBack.until) ?? 'an unknown time'}`;

class Lines implements PrefetchView {
  readonly #say: (line: string) => void;
  readonly #said = new Map<number, string>();
  #heldBack: string | undefined;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  update(job: PrefetchJob__Output): void {
    for (const image of job.images) {
      if (this.#said.get(image.index) === image.state) continue;
      this.#said.set(image.index, image.state);
      const line = lineOf(image);
      if (line !== undefined) this.#say(line);
    }
    const line = heldBackLine(job);
    if (line !== undefined && line !== this.#heldBack) this.#say(line);
    this.#heldBack = line;
  }

  end(): void {
    // Every line was whole.
  }
}

class Bars implements PrefetchView {
  readonly #bars: MultiBar;
  /** Of the layers under way, by digest. */
  readonly #layers = new Map<string, SingleBar>();
  readonly #lines: Lines;

  constructor(screen: NodeJS.WriteStream) {
    this.#bars = new MultiBar(
      {
        stream: screen,
        format: '{digest} [{bar}] {percentage}%  {shown}  {image}',
        hideCursor: true,
        clearOnComplete: true,
        stopOnComplete: false,
        fps: 10,
        // It would swallow the signal.
        gracefulExit: false,
      },
      Presets.rect,
    );
    this.#lines = new Lines((line) => this.#bars.log(`${line}\n`));
  }

  update(job: PrefetchJob__Output): void {
    for (const image of job.images) for (const layer of image.layers) this.#draw(layer, image.reference);
    this.#lines.update(job);
  }

  end(): void {
    this.#bars.stop();
  }

  #draw(layer: LayerProgress__Output, image: string): void {
    const bar = this.#layers.get(layer.digest);
    if (stateOf(layer.state) !== 'running') {
      if (bar) this.#bars.remove(bar);
      this.#layers.delete(layer.digest);
      return;
    }
    const payload = {
      digest: shortDigest(layer.digest),
      shown: `${bytes(layer.received)} of ${bytes(layer.size)}`,
      image,
    };
    if (bar) bar.update(layer.received, payload);
    else this.#layers.set(layer.digest, this.#bars.create(layer.size, layer.received, payload));
  }
}
