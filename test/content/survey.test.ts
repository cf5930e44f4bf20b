import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { survey, type SurveyedBlob } from '../../src/content/survey.js';
import { digestHex, digestOf, type Digest } from '../../src/oci/digest.js';
import { temporaryDirectory } from '../support/tmp.js';

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

async function surveyed(dir: string): Promise<Map<Digest, SurveyedBlob>> {
  const found = new Map<Digest, SurveyedBlob>();
  for await (const page of survey(dir)) for (const blob of page) found.set(blob.digest, blob);
  return found;
}

describe('the survey of stored blobs', () => {
  it('finds every blob with its size, and what manifests refer to', async (t) => {
    const dir = await temporaryDirectory(t);
    await mkdir(join(dir, 'sha512'));
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
    const children = [child('config'), child('layer')];
    assert.deepEqual(found.get(image)?.manifest, { mediaType: IMAGE, children });
    assert.deepEqual(found.get(long)?.manifest, { mediaType: IMAGE, children });
    assert.deepEqual(found.get(referrer)?.manifest, { mediaType: IMAGE, children, subject: child('subject').digest });
  });

  it('takes what only looks like a manifest, or is too large to be one, for a blob like any other', async (t) => {
    const dir = await temporaryDirectory(t);
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

  it('comes in pages, and may be left early', async (t) => {
    const dir = await temporaryDirectory(t);
    for (let i = 0; i < 1101; i++) await put(dir, `blob ${i}`);
    const sizes: number[] = [];
    for await (const page of survey(dir)) sizes.push(page.length);
    assert.deepEqual(sizes, [500, 500, 101]);
    for await (const page of survey(dir)) if (page.length > 0) break;
  });

  it('fails when the directory cannot be read', async (t) => {
    const dir = await temporaryDirectory(t);
    await assert.rejects(surveyed(join(dir, 'missing')), { code: 'STORE_FAILED' });
  });

  it('overlooks what is no blob', async (t) => {
    const dir = await temporaryDirectory(t);
    await put(dir, 'a blob');
    await mkdir(join(dir, 'sha256', 'zz'));
    await writeFile(join(dir, 'sha256', 'zz', 'README'), 'not ours');
    assert.equal((await surveyed(dir)).size, 1);
  });
});
