/**
 * A daemon of 100,000 blobs: how long it takes to start, and to make its index anew when that is lost, with and without
 * the snapshot. What the machine allows is measured in the same run: a bare walk that only stats each file. While the
 * index is rebuilt a client goes on asking; the longest that one of its answers took is a figure too.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keys, MARK, type Key } from '../src/catalog/keys.js';
import { createLog } from '../src/lib/log.js';
import { LevelMetadataStore } from '../src/metadata/level-metadata-store.js';
import type { Mutation } from '../src/metadata/metadata-store.js';
import { digestHex, digestOf, type Digest } from '../src/oci/digest.js';
import { OCI_IMAGE } from '../src/oci/media-types.js';
import { parseTag } from '../src/oci/reference.js';
import type { Cistern } from '../test/e2e/support/cistern.js';
import { statusOf } from '../test/e2e/support/processes.js';
import { figure, print, secondsOf } from './support/measure.js';
import { processorSeconds } from './support/process-use.js';
import type { Bench, Recorder } from './support/recorder.js';
import { scaled } from './support/scale.js';
import { inBenchDir, startCistern, UPSTREAM } from './support/servers.js';

const IMAGES = scaled(5_000, 100);
/** Of one image, beside its manifest and its configuration. */
const LAYERS = 18;
const BLOBS = IMAGES * (LAYERS + 2);
const RECORDS = 20_000;

interface Image {
  readonly number: number;
  readonly manifest: Digest;
  readonly children: readonly Digest[];
}

export const rebuild: Bench = (record) =>
  inBenchDir(async (dir) => {
    const data = join(dir, 'cistern/var');
    const images = Array.from({ length: IMAGES }, (_, number) => makeImage(join(data, 'blobs'), number));
    print(`${BLOBS} blobs, ${IMAGES} of them manifests of ${LAYERS + 1} children`);
    bareWalk(record, join(data, 'blobs'));

    const lost = 'index and snapshot lost';
    await measured(record, lost, dir, async (cistern) => await rebuilt(record, lost, cistern, '/v2/'));
    await writeRecords(join(data, 'index'), images);
    await measured(record, 'intact index', dir, () => Promise.resolve());
    await rm(join(data, 'index'), { recursive: true });
    const blob = `/v2/${UPSTREAM}/${nameOf(0)}/blobs/${images[0]!.children[0]!}`;
    await measured(record, 'index lost', dir, async (cistern) => await rebuilt(record, 'index lost', cistern, blob));
  });

async function measured(
  record: Recorder,
  what: string,
  dir: string,
  work: (cistern: Cistern) => Promise<void>,
): Promise<void> {
  const started = performance.now();
  const cistern = await startCistern(dir, 'http://127.0.0.1:9');
  const seconds = (performance.now() - started) / 1000;
  record.own(`${BLOBS} blobs, ${what}: start`, 's', seconds);
  if (what === 'intact index') record.target('start with 100,000 blobs', 's', { atMost: 5 }, seconds);
  await work(cistern);
  record.own(`${BLOBS} blobs, ${what}: stop`, 's', await secondsOf(() => cistern.stop()));
}

/** Asks for `path` until the index is rebuilt. */
async function rebuilt(record: Recorder, what: string, cistern: Cistern, path: string): Promise<void> {
  let slowest = 0;
  const line = () => logged(cistern, 'index rebuilt');
  while (!line()) {
    const seconds = await secondsOf(async () => {
      if ((await statusOf(cistern.url + path)) !== 200) throw new Error(`${path} was not served`);
    });
    slowest = Math.max(slowest, seconds);
    await sleep(5);
  }
  const spent = processorSeconds(cistern.pid!);
  const survey = Number(line()!['durationMs']) / 1000;
  const restored = logged(cistern, 'snapshot restored');
  const restore = Number(restored?.['durationMs'] ?? 0) / 1000;
  print(
    `  snapshot restored: ${figure(restore)} s, ${String(restored?.['records'])} records; processor ${figure(spent)} s`,
  );
  const title = `${BLOBS} blobs, ${what}`;
  record.own(`${title}: stored blobs read and written`, 'blobs/s', BLOBS / survey);
  record.own(`${title}: with the snapshot's records before`, 'blobs/s', BLOBS / (survey + restore));
  record.own(`${title}: the slowest answer meanwhile`, 'ms', slowest * 1000);
  record.target(`rebuild, ${what}`, 'blobs/s', { atLeast: 50_000 }, BLOBS / (survey + restore));
}

function logged(cistern: Cistern, message: string): Record<string, unknown> | undefined {
  const line = cistern.output.split('\n').find((each) => each.includes(`"msg":"${message}"`));
  return line === undefined ? undefined : (JSON.parse(line) as Record<string, unknown>);
}

function bareWalk(record: Recorder, blobs: string): void {
  const started = performance.now();
  walk(blobs);
  record.own(`${BLOBS} blobs: a bare walk, one stat each`, 'blobs/s', (BLOBS * 1000) / (performance.now() - started));
}

function walk(blobs: string): number {
  let bytes = 0;
  for (const shard of readdirSync(join(blobs, 'sha256'))) {
    for (const name of readdirSync(join(blobs, 'sha256', shard)))
      bytes += statSync(join(blobs, 'sha256', shard, name)).size;
  }
  return bytes;
}

const nameOf = (image: number): string => `library/image-${image % 500}`;

function makeImage(blobs: string, number: number): Image {
  const config = put(blobs, JSON.stringify({ architecture: 'amd64', os: 'linux', number, history: 'x'.repeat(1000) }));
  const layers = Array.from({ length: LAYERS }, (_, layer) =>
    put(blobs, createHash('shake256', { outputLength: 300 }).update(`${number} ${layer}`).digest()),
  );
  const body = {
    schemaVersion: 2,
    mediaType: OCI_IMAGE,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: layers.map((layer) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...layer })),
  };
  const manifest = put(blobs, JSON.stringify(body));
  return { number, manifest: manifest.digest, children: [config, ...layers].map(({ digest }) => digest) };
}

function put(blobs: string, bytes: string | Buffer): { readonly digest: Digest; readonly size: number } {
  const buffer = Buffer.from(bytes);
  const digest = digestOf(buffer);
  const shard = join(blobs, 'sha256', digestHex(digest).slice(0, 2));
  mkdirSync(shard, { recursive: true });
  writeFileSync(join(shard, digestHex(digest)), buffer);
  return { digest, size: buffer.length };
}

/** What pulls by tag would have written beside what the stored bytes say. */
async function writeRecords(index: string, images: readonly Image[]): Promise<void> {
  const store = await LevelMetadataStore.open({ dir: index, log: createLog({ level: 'warn', format: 'json' }).logger });
  const at = Date.now();
  let batch: Mutation[] = [];
  const add = <T>(key: Key<T>, value: NoInfer<T>) => batch.push({ type: 'put', key, value: JSON.stringify(value) });
  for (const { number, manifest, children } of images) {
    const repository = { upstream: UPSTREAM, name: nameOf(number) };
    for (const digest of [manifest, ...children]) {
      add(keys.link(digest, repository), { checkedAt: at, ran: 1000 });
      add(keys.held(digest, repository), MARK);
    }
    const tag = { digest: manifest, mediaType: OCI_IMAGE, size: 1000, fetchedAt: at, checkedAt: at, ran: 1000 };
    add(keys.tag(repository, parseTag(`v${number}`)), tag);
    add(keys.root(manifest, repository), { by: 'tag', at });
    add(keys.used(manifest, repository), { at, ran: 1000, pulls: 1 });
    if (batch.length < RECORDS) continue;
    await store.write(batch, { durable: false });
    batch = [];
  }
  await store.write(batch);
  await store.close();
}
