import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { passThrough, type Prefix } from '../../src/cache/pass-through.js';
import { systemClock } from '../../src/lib/clock.js';
import { AppError, isAppError } from '../../src/lib/errors.js';
import { digestOf } from '../../src/oci/digest.js';
import type { BlobCall, Upstream, UpstreamBody } from '../../src/upstream/upstream.js';

const KiB = 1024;
const blob = randomBytes(300 * KiB);
const digest = digestOf(blob);

/** Answers each GET with the next of `answers`: a function of the offset, that may break off. */
function upstreamOf(...answers: ((offset: number) => Iterable<Buffer>)[]): { upstream: Upstream; offsets: number[] } {
  const offsets: number[] = [];
  const body = (offset: number): UpstreamBody => {
    offsets.push(offset);
    const answer = answers.shift() ?? whole;
    return {
      size: blob.length,
      public: true,
      bytes: (async function* () {
        await Promise.resolve();
        yield* answer(offset);
      })(),
      destroy: () => undefined,
    };
  };
  const upstream = {
    name: 'up',
    blob: (_repository: string, _digest: string, call: BlobCall) => Promise.resolve(body(call.offset ?? 0)),
  };
  return { upstream: upstream as unknown as Upstream, offsets };
}

function* pieces(bytes: Buffer, size = 10 * KiB): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const whole = (offset: number) => pieces(blob.subarray(offset));
const breaking = (after: number) =>
  function* (offset: number): Generator<Buffer> {
    yield* pieces(blob.subarray(offset, offset + after));
    throw new AppError('UPSTREAM_UNREACHABLE', 'cut');
  };

async function read(upstream: Upstream, from = 0, prefix?: Prefix): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const signal = AbortSignal.timeout(60_000);
  const clock = { ...systemClock, sleep: () => Promise.resolve() };
  const call = { upstream, repository: 'a', digest, size: blob.length, from, clock, signal, prefix };
  try {
    for await (const chunk of passThrough(call)) chunks.push(chunk);
  } catch (error) {
    received = Buffer.concat(chunks);
    throw error;
  }
  return Buffer.concat(chunks);
}
let received = Buffer.alloc(0);

describe('a blob past the store', () => {
  it('arrives byte for byte', async () => assert.deepEqual(await read(upstreamOf().upstream), blob));

  it('goes on where it broke off', async () => {
    const { upstream, offsets } = upstreamOf(breaking(50 * KiB), breaking(100 * KiB));
    assert.deepEqual(await read(upstream), blob);
    assert.deepEqual(offsets, [0, 50 * KiB, 150 * KiB]);
  });

  it('never ends complete when a bit is flipped, and keeps back the last 64 KiB', async () => {
    const bad = Buffer.from(blob);
    bad.writeUInt8(bad.readUInt8(5) ^ 1, 5);
    await assert.rejects(read(upstreamOf(() => pieces(bad)).upstream), (error) =>
      isAppError(error, 'UPSTREAM_INVALID'),
    );
    assert.equal(received.length, blob.length - 64 * KiB);
  });

  it('is refused when it is too short or too long', async () => {
    for (const bytes of [blob.subarray(1), Buffer.concat([blob, Buffer.alloc(1)])]) {
      await assert.rejects(read(upstreamOf(() => pieces(bytes)).upstream), (error) =>
        isAppError(error, 'UPSTREAM_INVALID'),
      );
    }
  });

  it('gives a range from its start on, though all of it is checked', async () => {
    for (const from of [1, 10 * KiB, 123_456, blob.length - 1])
      assert.deepEqual(await read(upstreamOf().upstream, from), blob.subarray(from));
  });

  it('goes on after what a stopped spool has written', async () => {
    const offset = 100 * KiB + 7;
    // The last one: the client had bytes from memory that were never written.
    for (const from of [0, 5000, offset, offset + 12_345]) {
      const prefix: Prefix = {
        offset,
        hash: createHash('sha256').update(blob.subarray(0, offset)),
        read: (at) =>
          (async function* () {
            await Promise.resolve();
            yield* pieces(blob.subarray(at, offset));
          })(),
      };
      const { upstream, offsets } = upstreamOf();
      assert.deepEqual(await read(upstream, from, prefix), blob.subarray(from));
      assert.deepEqual(offsets, [offset]);
    }
  });

  it('gives up, with what upstream said, after five attempts', async () => {
    const { upstream, offsets } = upstreamOf(...Array.from({ length: 9 }, () => breaking(1)));
    await assert.rejects(read(upstream), (error) => isAppError(error, 'UPSTREAM_UNREACHABLE'));
    assert.equal(offsets.length, 5);
  });
});
