/** Catalogs for tests: over the smallest engine, with a clock that the test moves, and things to put into them. */
import { join } from 'node:path';
import { Catalog } from '../../src/catalog/catalog.js';
import { eraseDigests, isNeeded } from '../../src/catalog/edges.js';
import { Epoch } from '../../src/catalog/epoch.js';
import type { Survey } from '../../src/catalog/rebuild.js';
import { createLog } from '../../src/lib/log.js';
import type { Descriptor, Repository } from '../../src/oci/descriptor.js';
import { digestOf, type Digest } from '../../src/oci/digest.js';
import { parseTag, type Tag } from '../../src/oci/reference.js';
import { ManualClock } from './manual-clock.js';
import { MemoryMetadataStore } from './memory-metadata-store.js';
import { temporaryDirectory, type Scope } from './tmp.js';

export const silent = createLog({ level: 'silent', format: 'json' }).logger;

export const digest = (name: string): Digest => digestOf(Buffer.from(name));

export const descriptor = (name: string, mediaType = 'application/octet-stream'): Descriptor => ({
  digest: digest(name),
  mediaType,
  size: name.length,
});

export const manifestDescriptor = (name: string): Descriptor =>
  descriptor(name, 'application/vnd.oci.image.manifest.v1+json');

export const repository = (name: string, upstream = 'docker.io'): Repository => ({ upstream, name });

export const tag = (text: string): Tag => parseTag(text);

export async function memoryCatalog(
  scope: Scope,
): Promise<{ catalog: Catalog; store: MemoryMetadataStore; clock: ManualClock; snapshotFile: string }> {
  const opened: { catalog?: Catalog } = {};
  // First of all: it may be writing into the directory, which is removed next.
  scope.after(() => opened.catalog?.close().catch(() => undefined));
  const dir = await temporaryDirectory(scope);
  const store = new MemoryMetadataStore();
  const clock = new ManualClock();
  const epoch = await Epoch.open(join(dir, 'epoch'));
  await epoch.raise(store);
  const snapshotFile = join(dir, 'snapshot');
  const files = { snapshot: snapshotFile, statistics: join(dir, 'statistics') };
  const replaceIndex = () => Promise.reject(new Error('not in this test'));
  const catalog = await Catalog.open({ store, clock, log: silent, files, epoch, replaceIndex, survey: nothing });
  opened.catalog = catalog;
  return { catalog, store, clock, snapshotFile };
}

/**
 * What a collection does with one digest, but for its bytes. Resolves to what may have been needed by it alone; to undefined
 * when it is needed itself.
 */
export const eraseUnneeded = (catalog: Catalog, of: Digest): Promise<readonly Digest[] | undefined> =>
  catalog.turn(async (tx) => {
    if (await isNeeded(tx, of)) return undefined;
    const [erased] = await eraseDigests(tx, [of]);
    return erased?.freed.map((freed) => freed.digest);
  });

const nothing: Survey = async function* () {
  await Promise.resolve();
  yield* [];
};
