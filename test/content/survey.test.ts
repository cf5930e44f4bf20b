import assert from 'node:assert/strict';
import { link, mkdir, rename, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { survey, type SurveyedBlob } from '../../src/content/survey.js';
import { digestHex, digestOf, type Digest } from '../../src/oci/digest.js';
import { temporaryDirectory, type Scope } from '../support/tmp.js';

const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const child = (text: string) => ({
  mediaType: 'application/x',
  digest: digestOf(Buffer.from(text)),
  size: text.length,
});

async function put(dir: string, bytes: Buffer | string): Promise<Digest> {
  const digest = digestOf(Buffer.from(bytes));
  const shard = join(dir, 'sha256', digestHex(digest).slice(0, 2));
  await mkdir(shard, { recursive: true });
  await writeFile(join(shard, digestHex(digest)), bytes);
  return digest;
}

async function blobsDir(scope: Scope): Promise<string> {
  const dir = await temporaryDirectory(scope);
  for (const algorithm of ['sha256', 'sha512']) await mkdir(join(dir, algorithm));
  return dir;
}

async function surveyed(dir: string): Promise<Map<Digest, SurveyedBlob>> {
  const found = new Map<Digest, SurveyedBlob>();
  for await (const { blobs } of survey(dir)) for (const blob of blobs) found.set(blob.digest, blob);
  return found;
}

describe('the survey of stored blobs', () => {
  it('finds every blob with its size, and what manifests refer to', async (t) => {
    const dir = await blobsDir(t);
    const body = { schemaVersion: 2, mediaType: IMAGE, config: child('config'), layers: [child('layer')] };
    const layer = await put(dir, 'a layer');
    const empty = await put(dir, '');
    const image = await put(dir, JSON.stringify(body));
    const referrer = await put(dir, JSON.stringify({ ...body, subject: child('subject') }));
    const long = await put(dir, JSON.stringify({ ...body, annotations: { padding: 'x'.repeat(100_000) } }));
    const found = await surveyed(dir);
    assert.equal(found.size, 5);
    assert.deepEqual(found.get(layer), { digest: layer, size: 7 });
    assert.deepEqual(found.get(empty), { digest: empty, size: 0 });
    const children = [child('config').digest, child('layer').digest];
    assert.deepEqual(found.get(image)?.manifest, { mediaType: IMAGE, children });
    assert.deepEqual(found.get(long)?.manifest, { mediaType: IMAGE, children });
    assert.deepEqual(found.get(referrer)?.manifest, { mediaType: IMAGE, children, subject: child('subject').digest });
  });

  it('takes what only looks like a manifest, or is too large to be one, for a blob like any other', async (t) => {
    const dir = await blobsDir(t);
    const blobs = [
      '{ not json',
      '{"some":"config"}',
      JSON.stringify({ schemaVersion: 2, mediaType: IMAGE, config: { digest: 'sha256:no' }, layers: [] }),
      JSON.stringify({ schemaVersion: 2, mediaType: IMAGE, config: child('c'), layers: [], a: 'x'.repeat(4 << 20) }),
    ];
    for (const blob of blobs) await put(dir, blob);
    const found = await surveyed(dir);
    assert.equal(found.size, blobs.length);
    for (const blob of found.values()) assert.equal(blob.manifest, undefined);
  });

  it('comes in pages, each all that is stored of a range of digests, and may be left early', async (t) => {
    const dir = await blobsDir(t);
    const stored = new Set<Digest>();
    for (let i = 0; i < 300; i++) stored.add(await put(dir, `blob ${i}`));
    const found: Digest[] = [];
    const prefixes: string[] = [];
    for await (const { prefix, blobs } of survey(dir)) {
      prefixes.push(prefix);
      for (const { digest } of blobs) {
        assert.ok(digest.startsWith(prefix));
        found.push(digest);
      }
    }
    assert.deepEqual(new Set(found), stored);
    assert.equal(found.length, stored.size);
    // Every digest begins with exactly one of them.
    assert.equal(prefixes.length, 2 * 16);
    assert.equal(new Set(prefixes).size, 2 * 16);
    for await (const { blobs } of survey(dir)) if (blobs.length > 0) break;
  });

  it('divides a range that holds much, so that no page is large', async (t) => {
    const dir = await blobsDir(t);
    const shard = join(dir, 'sha256', 'ab');
    await mkdir(shard);
    const hex = (i: number) => `ab${i.toString(16).padStart(3, '0')}${'0'.repeat(59)}`;
    // Hard links are made faster than files, and their bytes are not looked at.
    await writeFile(join(shard, hex(0)), 'bytes');
    for (let i = 1; i < 1200; i++) await link(join(shard, hex(0)), join(shard, hex(i)));
    const pages = new Map<string, number>();
    for await (const { prefix, blobs } of survey(dir)) {
      if (prefix.startsWith('sha256:ab')) pages.set(prefix, blobs.length);
    }
    const expected = Array.from('0123456789abcdef').map((digit, i) => [
      `sha256:ab${digit}`,
      i < 4 ? 256 : i === 4 ? 176 : 0,
    ]);
    assert.deepEqual([...pages], expected);
  });

  it("overlooks a blob in another one's place", async (t) => {
    const dir = await blobsDir(t);
    const digest = await put(dir, 'a blob');
    const shard = join(dir, 'sha256', digestHex(digest).slice(0, 2));
    await mkdir(join(dir, 'sha256', '00'), { recursive: true });
    await rename(join(shard, digestHex(digest)), join(dir, 'sha256', '00', digestHex(digest)));
    assert.equal((await surveyed(dir)).size, 0);
  });

  it('fails when the directory cannot be read', async (t) => {
    const dir = await blobsDir(t);
    await assert.rejects(surveyed(join(dir, 'missing')), { code: 'STORE_FAILED' });
    await rmdir(join(dir, 'sha512'));
    await assert.rejects(surveyed(dir), { code: 'STORE_FAILED' });
  });

  it('ends nothing but itself when its thread fails just as it is left', async (t) => {
    const dir = await blobsDir(t);
    await rmdir(join(dir, 'sha512'));
    for await (const { prefix } of survey(dir)) {
      if (prefix !== 'sha256:d') continue;
      // Held until the thread, which is pages ahead, has failed: nobody is told before the next turn of the event loop.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      break;
    }
  });

  it('overlooks what is no blob', async (t) => {
    const dir = await blobsDir(t);
    await put(dir, 'a blob');
    await mkdir(join(dir, 'sha256', 'zz'));
    await writeFile(join(dir, 'sha256', 'zz', 'README'), 'not ours');
    assert.equal((await surveyed(dir)).size, 1);
  });
});
