/** What every engine of the BlobStore port promises. An engine's own test runs it and adds what is special to it. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { BlobStore } from '../../src/content/blob-store.js';
import { ReadBudget } from '../../src/content/read-budget.js';
import { SpoolArea } from '../../src/content/spool-area.js';
import type { VerifiedFile } from '../../src/content/spool.js';
import { systemClock } from '../../src/lib/clock.js';
import { digestOf, type Digest } from '../../src/oci/digest.js';
import { temporaryDirectory } from '../support/tmp.js';

const MIB = 1024 * 1024;

/** `dir` is fresh; `open` is called again with the same one for a restart. Files to publish come from below `dir`, too. */
export type OpenBlobStore = (dir: string) => Promise<BlobStore>;

export function blobStoreConformance(name: string, openStore: OpenBlobStore): void {
  const open = async (t: TestContext) => {
    const dir = await temporaryDirectory(t);
    const store = await openStore(dir);
    t.after(() => store.close());
    const spools = await SpoolArea.open({
      dir: `${dir}/spool`,
      clock: systemClock,
      log: { warn: () => undefined },
      minFree: 0,
      budget: new ReadBudget(),
    });
    const verified = (bytes: Buffer): Promise<VerifiedFile> => spools.verified(digestOf(bytes), bytes);
    const publish = async (bytes: Buffer): Promise<Digest> => {
      await store.publish(await verified(bytes));
      return digestOf(bytes);
    };
    return { dir, store, spools, verified, publish };
  };

  describe(`${name}, as a blob store`, () => {
    it('gives back what was published, whole and with its size', async (t) => {
      const { store, publish } = await open(t);
      for (const bytes of [Buffer.alloc(0), Buffer.from('small'), patterned(5 * MIB + 3)]) {
        const digest = await publish(bytes);
        assert.deepEqual(await store.stat(digest), { digest, size: bytes.length });
        const source = await store.open(digest);
        assert.equal(source?.size, bytes.length);
        assert.deepEqual(await read(source), bytes);
      }
    });

    it('gives back sha512 blobs, too', async (t) => {
      const { store, spools } = await open(t);
      const bytes = Buffer.from('another algorithm');
      const digest = digestOf(bytes, 'sha512');
      await store.publish(await spools.verified(digest, bytes));
      assert.deepEqual(await read(await store.open(digest)), bytes);
      assert.deepEqual(await listed(store), [digest]);
    });

    it('knows nothing of what was never published: absence is no failure', async (t) => {
      const { store } = await open(t);
      const digest = digestOf(Buffer.from('never'));
      assert.equal(await store.stat(digest), undefined);
      assert.equal(await store.open(digest), undefined);
      assert.equal(await store.delete(digest), false);
      assert.equal(await store.quarantine(digest), false);
      assert.deepEqual(await listed(store), []);
    });

    it('opens ranges, clamped to the blob', async (t) => {
      const { store, publish } = await open(t);
      const bytes = patterned(3 * MIB);
      const digest = await publish(bytes);
      const ranges = [
        [0, 1],
        [1, 2 * MIB + 7],
        [2 * MIB - 1, 2 * MIB + 1],
        [bytes.length - 1, bytes.length],
        [5, bytes.length + 100],
        [bytes.length, bytes.length + 1],
        [bytes.length + 5, bytes.length + 9],
        [7, 7],
      ] as const;
      for (const [start, end] of ranges) {
        const source = await store.open(digest, { start, end });
        assert.equal(source?.size, bytes.length, 'the size is that of the whole blob');
        assert.deepEqual(await read(source), bytes.subarray(start, end));
      }
    });

    it('lends one chunk at a time and stays right for a consumer of any pace', async (t) => {
      const { store, publish } = await open(t);
      const bytes = patterned(5 * MIB);
      const digest = await publish(bytes);
      let at = 0;
      for await (const chunk of (await store.open(digest))!) {
        // Read-ahead has every chance to spoil the chunk before it is compared.
        await new Promise((resolve) => setTimeout(resolve, 1));
        assert.ok(chunk.equals(bytes.subarray(at, at + chunk.length)));
        at += chunk.length;
      }
      assert.equal(at, bytes.length);
    });

    it('lets a reader leave early, or never begin', async (t) => {
      const { store, publish } = await open(t);
      const digest = await publish(patterned(3 * MIB));
      const left = (await store.open(digest))!;
      for await (const chunk of left) if (chunk.length > 0) break;
      const unread = (await store.open(digest))!;
      for (const source of [left, unread, unread]) await source.close();
    });

    it('keeps everything across a restart', async (t) => {
      const { dir, store, publish } = await open(t);
      const bytes = patterned(1000);
      const digest = await publish(bytes);
      await store.close();
      const again = await openStore(dir);
      assert.deepEqual(await read(await again.open(digest)), bytes);
      await again.close();
    });

    it('may be given the same blob again, also at the same time', async (t) => {
      const { store, verified } = await open(t);
      const bytes = patterned(100_000);
      const files = await Promise.all([verified(bytes), verified(bytes), verified(bytes)]);
      await Promise.all(files.map((file) => store.publish(file)));
      assert.deepEqual(await read(await store.open(digestOf(bytes))), bytes);
      assert.equal((await listed(store)).length, 1);
    });

    it('takes the file away, and takes it once', async (t) => {
      const { store, spools, verified } = await open(t);
      const file = await verified(Buffer.from('once'));
      await store.publish(file);
      assert.equal(spools.bytes, 0);
      await assert.rejects(store.publish(file), { code: 'INTERNAL' });
      assert.deepEqual(await read(await store.open(file.digest)), Buffer.from('once'), 'the blob is not harmed by it');
    });

    it('shows a blob only once its publish has begun to succeed, never a part of it', async (t) => {
      const { store, verified } = await open(t);
      const bytes = patterned(2 * MIB);
      const file = await verified(bytes);
      assert.equal(await store.stat(file.digest), undefined, 'verified is not yet published');
      const publishing = store.publish(file);
      const seen = await store.stat(file.digest);
      if (seen) assert.equal(seen.size, bytes.length);
      await publishing;
      assert.equal((await store.stat(file.digest))?.size, bytes.length);
    });

    it('deletes, while those who are reading read on', async (t) => {
      const { store, publish } = await open(t);
      const bytes = patterned(4 * MIB);
      const digest = await publish(bytes);
      const source = await store.open(digest);
      assert.equal(await store.delete(digest), true);
      assert.equal(await store.delete(digest), false);
      assert.equal(await store.open(digest), undefined);
      assert.equal(await store.stat(digest), undefined);
      assert.deepEqual(await listed(store), []);
      assert.deepEqual(await read(source), bytes);
      await publish(bytes);
      assert.equal((await store.stat(digest))?.size, bytes.length, 'and it may come back');
    });

    it('sets a bad blob aside: it is served no more, and may come back', async (t) => {
      const { store, publish } = await open(t);
      const bytes = patterned(1000);
      for (let time = 0; time < 2; time++) {
        const digest = await publish(bytes);
        assert.equal(await store.quarantine(digest), true);
        assert.equal(await store.stat(digest), undefined);
        assert.deepEqual(await listed(store), []);
      }
    });

    it('lists all blobs once, ordered by digest, from wherever it is asked to', async (t) => {
      const { store, publish } = await open(t);
      const digests: Digest[] = [];
      for (let i = 0; i < 150; i++) digests.push(await publish(Buffer.from(`blob ${i}`)));
      digests.sort();
      assert.deepEqual(await listed(store), digests);
      for (const at of [0, 1, 70, 148, 149]) assert.deepEqual(await listed(store, digests[at]), digests.slice(at + 1));
      const between = digestOf(Buffer.from('not stored'));
      assert.deepEqual(
        await listed(store, between),
        digests.filter((digest) => digest > between),
      );
      assert.deepEqual(await listed(store, digestOf(Buffer.alloc(0), 'sha512')), []);
    });
  });
}

/** Bytes that differ from one KiB to the next. */
function patterned(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i >>> 10) * 31 + i;
  return bytes;
}

async function read(source: AsyncIterable<Buffer> | undefined): Promise<Buffer | undefined> {
  if (!source) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function listed(store: BlobStore, after?: Digest): Promise<Digest[]> {
  const digests: Digest[] = [];
  for await (const { digest } of store.list(after)) digests.push(digest);
  return digests;
}
