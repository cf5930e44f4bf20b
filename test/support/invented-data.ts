/**
 * A data directory as a busy cache leaves it, all invented: images that share base layers, a month of statistics, a week of
 * growth, the reports of a collection and a scrub, a prefetch job. Only the index is there: a record without bytes is a miss.
 */
import { putEdges } from '../../src/catalog/edges.js';
import { keys, MARK } from '../../src/catalog/keys.js';
import type { Checked } from '../../src/catalog/records.js';
import { addToTotal } from '../../src/catalog/stored-total.js';
import type { Transaction } from '../../src/catalog/transaction.js';
import { openCatalog } from '../../src/catalog/open-catalog.js';
import { systemClock } from '../../src/lib/clock.js';
import type { Repository } from '../../src/oci/descriptor.js';
import type { Digest } from '../../src/oci/digest.js';
import { parseTag } from '../../src/oci/reference.js';
import { digest, silent } from './catalogs.js';
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from './images.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MiB = 1024 ** 2;
const IMAGES_A_TURN = 250;
const BASES = 12;

const REPOSITORIES = [
  ['docker.io', 'library/postgres'],
  ['docker.io', 'library/node'],
  ['ghcr.io', 'example/storefront'],
  ['docker.io', 'library/python'],
  ['quay.io', 'example/report-builder'],
  ['docker.io', 'library/debian'],
  ['ghcr.io', 'example/ml/training'],
  ['registry.k8s.io', 'pause'],
  ['docker.io', 'library/golang'],
  ['quay.io', 'example/edge-proxy'],
] as const;

/** Between 0 and 1, the same for the same numbers. */
const chance = (...of: readonly (number | string)[]): number =>
  parseInt(digest(of.join('/')).slice(7, 15), 16) / 2 ** 32;

/** The daemon of this directory must be stopped, and must have run before. */
export async function inventData(dataDir: string, images: number): Promise<void> {
  const nothing = async function* () {
    await Promise.resolve();
    yield* [];
  };
  const catalog = await openCatalog({ dataDir, survey: nothing, clock: systemClock, log: silent });
  const now = systemClock.now();
  for (let from = 0; from < images; from += IMAGES_A_TURN) {
    await catalog.turn(async (tx) => {
      for (let number = from; number < Math.min(images, from + IMAGES_A_TURN); number++)
        await putImage(tx, number, now);
    });
  }
  const { bytes } = await catalog.stored();
  await catalog.turn((tx) => {
    putHistory(tx, now);
    putReports(tx, now, bytes);
    putJob(tx, now);
  });
  await catalog.close();
}

async function putImage(tx: Transaction, number: number, now: number): Promise<void> {
  const [upstream, name] = REPOSITORIES[number % REPOSITORIES.length]!;
  const repository = { upstream, name };
  const storedAt = now - Math.floor(chance('stored', number) * 30 * DAY);
  const checked = { checkedAt: storedAt, ran: 0 };
  const base = number % BASES;
  const sized = (what: string, mediaType: string, size: number) => ({ digest: digest(what), mediaType, size });
  const children = [
    sized(`config ${number}`, OCI_CONFIG, 4096),
    sized(`base ${base}`, OCI_LAYER, Math.floor((20 + 60 * chance('base', base)) * MiB)),
    sized(`layer ${number}`, OCI_LAYER, Math.floor(chance('size', number) ** 6 * 900 * MiB) + 200_000),
  ];
  const manifest = sized(`manifest ${number}`, OCI_MANIFEST, 1200);
  const isNewBase = number < BASES;
  for (const each of [...children.filter((_, index) => index !== 1 || isNewBase), manifest]) {
    const { mediaType, size } = each;
    const via = [{ upstream, public: true }];
    tx.put(keys.blob(each.digest), { size, mediaType, storedAt, ran: 0, via });
    await addToTotal(tx, { blobs: 1, bytes: size });
  }
  for (const { digest: held } of [...children, manifest]) putLink(tx, held, repository, checked);
  putEdges(tx, manifest.digest, { children: children.map((child) => child.digest) });
  tx.put(keys.root(manifest.digest, repository), { by: 'tag', at: storedAt });
  const tag = parseTag(`${Math.floor(number / REPOSITORIES.length) + 1}.${number % 7}`);
  tx.put(keys.tag(repository, tag), { ...manifest, ...checked, fetchedAt: storedAt });
  const age = Math.floor(chance('age', number) * 29 * DAY);
  tx.put(keys.used(manifest.digest, repository), {
    at: now - age,
    ran: 60 * DAY - age,
    pulls: 1 + Math.floor(chance('pulls', number) ** 4 * 400),
  });
}

function putLink(tx: Transaction, held: Digest, repository: Repository, checked: Checked): void {
  tx.put(keys.link(held, repository), checked);
  tx.put(keys.held(held, repository), MARK);
}

/** Busy by day, quiet at night and at weekends, and better from week to week. */
function putHistory(tx: Transaction, now: number): void {
  const hour = now - (now % HOUR);
  for (let ago = 0; ago <= 30 * 24; ago++) {
    const at = hour - ago * HOUR;
    const date = new Date(at);
    const awake = Math.max(0, Math.sin(((date.getUTCHours() - 5) / 17) * Math.PI));
    const busy = awake * (date.getUTCDay() % 6 === 0 ? 0.2 : 1) * (0.7 + 0.6 * chance('busy', at));
    const ratio = 0.9 - 0.2 * (ago / 720) + 0.08 * chance('ratio', at);
    const saved = Math.min(0.99, ratio + 0.03);
    const requests = Math.round(busy * 900);
    if (requests === 0) continue;
    const hits = Math.round(requests * ratio);
    const served = Math.round(requests * 9 * MiB);
    const pulls = Math.round(requests / 6);
    const made = pulls - Math.round(pulls * ratio);
    tx.put(keys.hour(at, { upstream: 'docker.io', name: 'library/node' }), {
      manifests: [pulls - made, made, 0, 0, 0, 0, pulls * 1200, made * 1200, 0, made, pulls - made],
      blobs: [hits, requests - hits, 0, 0, 0, 0, served, Math.round(served * (1 - saved)), 0, requests - hits, hits],
    });
  }
}

function putReports(tx: Transaction, now: number, bytes: number): void {
  tx.put(keys.runningTime, 60 * DAY);
  tx.put(
    keys.growth,
    Array.from({ length: 145 }, (_, index) => {
      const ago = 144 - index;
      return [now - ago * HOUR, Math.round(bytes * (1 - ago * 0.0004))] as const;
    }),
  );
  tx.put(keys.collection, {
    scannedBlobs: 30_000,
    reachableBlobs: 29_120,
    sweptBlobs: 880,
    sweptBytes: 9_876_543_210,
    keptByGrace: 0,
    leftoverFiles: 2,
    leftoverBytes: 1_000_000,
    dryRun: false,
    trigger: 'schedule',
    startedAt: now - 8 * HOUR,
    durationMs: 4200,
    images: 97,
  });
  tx.put(keys.scrub, { startedAt: now - 5 * DAY, durationMs: 5_000_000, checked: 29_870, bytes, corrupt: 0 });
}

function putJob(tx: Transaction, now: number): void {
  const id = '5eed0f1e5eed';
  const images = ['docker.io/library/node:22', 'docker.io/library/postgres:16'];
  const options = { platforms: ['linux/amd64'], allPlatforms: false, attestations: false, signatures: false };
  tx.put(keys.job(id), {
    ...{ id, images, ...options, referrers: false, origin: 'schedule', state: 'succeeded' },
    ...{ createdAt: now - 7 * HOUR, startedAt: now - 7 * HOUR, finishedAt: now - 7 * HOUR + 40_000, expanded: true },
  });
  for (const [number, reference] of images.entries()) {
    const counts = { blobs: 8, bytesTotal: 180 * MiB, bytesFetched: 60 * MiB, bytesReused: 120 * MiB };
    tx.put(keys.jobImage(id, number), { reference, platforms: ['linux/amd64'], state: 'succeeded', ...counts });
  }
}
