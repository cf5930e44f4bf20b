/**
 * A blob straight from upstream to one client, for when there is no room to store it. The promise holds all the same:
 * the digest is computed on the way, and the last bytes are held back in memory until it agrees.
 */
import type { Hash } from 'node:crypto';
import { TAIL } from '../content/spool.js';
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';
import { digestAlgorithm, digestOfHash, newHash, type Digest } from '../oci/digest.js';
import type { Upstream, UpstreamBody } from '../upstream/upstream.js';
import { unknownBlob } from './flight.js';
import { isTransient } from './upstream-entry.js';

const ATTEMPTS = 5;

/** A spool that ended at `offset` for lack of space: what was hashed, and the bytes before it. */
export interface Prefix {
  readonly offset: number;
  readonly hash: Hash;
  read(from: number): AsyncIterable<Buffer>;
}

export interface PassThroughCall {
  readonly upstream: Upstream;
  readonly repository: string;
  readonly digest: Digest;
  readonly size: number | undefined;
  readonly prefix?: Prefix | undefined;
  /** First byte wanted. */
  readonly from: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** An answer whose headers have been read already, from offset 0. */
  readonly opened?: UpstreamBody;
}

/** The blob's bytes from `from` to its end. Throws UPSTREAM_INVALID before the last of them when they are not what they should be. */
export async function* passThrough(call: PassThroughCall): AsyncGenerator<Buffer, void, undefined> {
  const { digest, prefix, size } = call;
  const hash = prefix?.hash ?? newHash(digest);
  const held = new HeldBack();
  let offset = prefix?.offset ?? 0;
  if (prefix) for await (const chunk of prefix.read(call.from)) yield* held.push(Buffer.from(chunk));
  for await (const chunk of transfer(call, offset)) {
    hash.update(chunk);
    // The client may have had more than what was written: readers near the end of a fill are served from memory.
    const skip = Math.min(Math.max(call.from - offset, 0), chunk.length);
    offset += chunk.length;
    yield* held.push(chunk.subarray(skip));
  }
  if ((size !== undefined && offset !== size) || digestOfHash(digestAlgorithm(digest), hash) !== digest) {
    throw new AppError('UPSTREAM_INVALID', `${call.upstream.name} sent bytes that are not ${digest}`);
  }
  yield* held.rest();
}

async function* transfer(call: PassThroughCall, start: number): AsyncGenerator<Buffer, void, undefined> {
  let offset = start;
  let opened = call.opened;
  for (let attempt = 1; call.size === undefined || offset < call.size; attempt++) {
    let body: UpstreamBody | undefined;
    try {
      body =
        opened ??
        (await call.upstream.blob(call.repository, call.digest, {
          offset,
          signal: call.signal,
          priority: () => 'live',
          paced: true,
        }));
      opened = undefined;
      if (!body) throw unknownBlob(call.digest);
      for await (const chunk of body.bytes) {
        offset += chunk.length;
        yield chunk;
      }
      return;
    } catch (error) {
      if (!isTransient(error) || attempt >= ATTEMPTS) throw error;
      await call.clock.sleep(250 * 2 ** (attempt - 1), call.signal);
    } finally {
      body?.destroy();
    }
  }
}

/** Lets chunks through except for the newest 64 KiB. */
class HeldBack {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  *push(chunk: Buffer): Generator<Buffer, void, undefined> {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    for (let free = this.#bytes - TAIL; free > 0; free = this.#bytes - TAIL) {
      const first = this.#chunks.shift();
      if (!first) return;
      if (first.length > free) this.#chunks.unshift(first.subarray(free));
      const out = first.subarray(0, Math.min(free, first.length));
      this.#bytes -= out.length;
      yield out;
    }
  }

  *rest(): Generator<Buffer, void, undefined> {
    yield* this.#chunks;
  }
}
