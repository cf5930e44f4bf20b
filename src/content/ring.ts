/**
 * The newest bytes of a spool as the chunks they came in, so that readers near its end need no file. Chunks are never
 * changed or reused: one may be on its way to a socket long after the ring let go of it.
 */

/** Chunks are counted too: an upstream that sends single bytes must not turn each into an object. */
const MOST_CHUNKS = 8192;
/** Emptied slots at the front are cut off in bulk, so that trimming costs nothing. */
const SLACK = 1024;

interface Entry {
  readonly start: number;
  readonly bytes: Buffer;
}

export class Ring {
  #entries: (Entry | undefined)[] = [];
  #first = 0;
  #end: number;

  /** `end` is the offset of the first chunk to come. */
  constructor(end: number) {
    this.#end = end;
  }

  /** Everything from here to the end is in memory. */
  get start(): number {
    return this.#entries[this.#first]?.start ?? this.#end;
  }

  /** Bytes in memory. */
  get length(): number {
    return this.#end - this.start;
  }

  push(bytes: Buffer): void {
    this.#entries.push({ start: this.#end, bytes });
    this.#end += bytes.length;
  }

  /** What one chunk has of [at, until); undefined when `at` is no longer, or not yet, in memory. */
  get(at: number, until: number): Buffer | undefined {
    if (at < this.start || at >= this.#end) return undefined;
    let low = this.#first;
    let high = this.#entries.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#entries[middle]?.start ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    const entry = this.#entries[low];
    return entry?.bytes.subarray(at - entry.start, until - entry.start);
  }

  /** Lets go of the oldest chunks beyond `size` bytes, but of none that is not wholly below `written`. */
  trim(size: number, written: number): void {
    for (;;) {
      const entry = this.#entries[this.#first];
      if (entry === undefined || entry.start + entry.bytes.length > written) break;
      if (this.#end - entry.start <= size && this.#entries.length - this.#first <= MOST_CHUNKS) break;
      this.#entries[this.#first++] = undefined;
      if (this.#first >= SLACK) {
        this.#entries.splice(0, this.#first);
        this.#first = 0;
      }
    }
  }

  clear(end: number): void {
    this.#entries = [];
    this.#first = 0;
    this.#end = end;
  }
}
