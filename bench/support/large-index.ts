/**
 * An index of as many blobs as are asked for, written range by range in the order of its keys, so that LevelDB need not
 * sort it again and again: minutes become seconds, and what is read afterwards is the same.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keys, MARK, type Key } from '../../src/catalog/keys.js';
import { openCatalog } from '../../src/catalog/open-catalog.js';
import { systemClock } from '../../src/lib/clock.js';
import type { Logger } from '../../src/lib/log.js';
import { LevelMetadataStore } from '../../src/metadata/level-metadata-store.js';
import type { Mutation } from '../../src/metadata/metadata-store.js';
import { digestHex, digestOf, type Digest } from '../../src/oci/digest.js';
import { parseTag } from '../../src/oci/reference.js';

/** Milliseconds; an expired image was last pulled longer ago. */
export const RETENTION = 30 * 86_400_000;
/** Running time at the end of the index. */
const RAN = 2 * RETENTION;
const LAYERS_OF_ONE = 20;
const BATCH = 5000;
const SIZE = 1_000_000;
const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

export interface LargeIndex {
  readonly dataDir: string;
  readonly blobs: number;
  readonly manifests: number;
  /** Share of the blobs; half of it belongs to expired images, half to nobody. */
  readonly garbage: number;
  readonly log: Logger;
}

/** Makes `index` and, with the names of all blobs in order, `names`. */
export async function buildIndex(options: LargeIndex): Promise<void> {
  const { dataDir, log } = options;
  const nothing = () => (async function* () {})();
  await (await openCatalog({ dataDir, survey: nothing, clock: systemClock, log })).close();
  const store = await LevelMetadataStore.open({ dir: join(dataDir, 'index'), log });
  let batch: Mutation[] = [];
  for (const mutation of records(options, join(dataDir, 'names'))) {
    if (mutation instanceof Promise) await mutation;
    else if (batch.push(mutation) >= BATCH) {
      await store.write(batch, { durable: false });
      batch = [];
    }
  }
  await store.write(batch);
  await store.close();
}

const repository = (number: number) => ({ upstream: 'docker.io', name: `library/image-${number % 1000}` });
const put = <T>(key: Key<T>, value: NoInfer<T>): Mutation => ({ type: 'put', key, value: JSON.stringify(value) });

/** Every image has its share of the layers and one that it shares with the next. The last layers belong to nobody. */
function* records({ blobs, manifests, garbage }: LargeIndex, names: string): Iterable<Mutation | Promise<void>> {
  const at = Date.now();
  const count = blobs - manifests;
  const layers = Array.from({ length: count }, (_, number) => digestOf(Buffer.from(`layer ${number}`)));
  const images = Array.from({ length: manifests }, (_, number) => digestOf(Buffer.from(`manifest ${number}`)));
  const kept = Math.floor(count * (1 - garbage / 2));
  const each = Math.min(LAYERS_OF_ONE, Math.max(1, Math.floor(kept / manifests)));
  const expired = manifests * (1 - garbage / 2);
  const via = [{ upstream: 'docker.io', public: true }];
  const childrenOf = (number: number): Digest[] => {
    const first = Math.floor((number * kept) / manifests);
    return Array.from({ length: each + 1 }, (_, child) => layers[Math.min(first + child, kept - 1)]!);
  };
  const all = [
    ...layers.map((digest, number) => ({ digest, number, mediaType: LAYER })),
    ...images.map((digest, number) => ({ digest, number, mediaType: IMAGE })),
  ].sort(byDigest);
  yield writeFile(names, Buffer.concat(all.map(({ digest }) => Buffer.from(digestHex(digest), 'hex'))));
  for (const { digest, mediaType } of all)
    yield put(keys.blob(digest), { size: SIZE, mediaType, storedAt: at, ran: 0, via });
  yield* inOrder(all.map(({ digest, number }) => keys.held(digest, repository(number)))).map((key) => put(key, MARK));
  for (const { digest, number } of all) yield put(keys.link(digest, repository(number)), { checkedAt: at, ran: 0 });
  const ordered = images.map((digest, number) => ({ digest, number })).sort(byDigest);
  for (const { digest, number } of ordered) yield put(keys.manifest(digest), { children: childrenOf(number) });
  yield put(keys.runningTime, RAN);
  yield put(keys.stored, { blobs, bytes: blobs * SIZE });
  const edges = images.flatMap((digest, number) => childrenOf(number).map((child) => keys.parent(child, digest)));
  yield* inOrder(edges).map((key) => put(key, MARK));
  for (const { digest, number } of ordered) yield put(keys.root(digest, repository(number)), { by: 'tag', at });
  for (const [number, digest] of images.entries()) {
    const points = { digest, mediaType: IMAGE, size: SIZE, fetchedAt: at, checkedAt: at, ran: 0 };
    yield put(keys.tag(repository(number), parseTag(`v${number}`)), points);
  }
  for (const { digest, number, mediaType } of all) {
    const ran = mediaType === IMAGE && number >= expired ? 0 : RAN;
    yield put(keys.used(digest, repository(number)), { at, ran });
  }
}

const inOrder = <T extends string>(all: T[]): T[] => all.sort();

const byDigest = (a: { readonly digest: Digest }, b: { readonly digest: Digest }): number =>
  a.digest < b.digest ? -1 : 1;
