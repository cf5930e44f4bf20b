/**
 * What crashes leave behind: files that no record names, spools that nobody fills, and partials that nobody came back
 * for. The sweep comes across the files.
 */
import type { Catalog } from '../../catalog/catalog.js';
import type { BlobStore } from '../../content/blob-store.js';
import type { SpoolArea } from '../../content/spool-area.js';
import type { KeyedMutex } from '../../lib/async.js';
import type { Digest } from '../../oci/digest.js';

/** Milliseconds after which a partial is not worth its space. */
const PARTIAL_LIFETIME = 24 * 60 * 60 * 1000;

export interface LeftoverParts {
  readonly catalog: Catalog;
  readonly store: BlobStore;
  readonly spools: SpoolArea;
  readonly digestLocks: KeyedMutex;
}

export interface Leftovers {
  readonly files: number;
  readonly bytes: number;
}

/** Partials and spools. In a dry run it only counts them. */
export const staleSpools = ({ spools }: LeftoverParts, dryRun: boolean): Promise<Leftovers> =>
  spools.dropStale(PARTIAL_LIFETIME, dryRun);

/**
 * A file that had no record when it was come across. Bytes and record come under the digest's mutex, so whatever has no
 * record now will not get one for these bytes. Undefined when it has one.
 */
export function orphan(parts: LeftoverParts, digest: Digest, dryRun: boolean): Promise<Leftovers | undefined> {
  const { catalog, store, digestLocks } = parts;
  return digestLocks.run(digest, async () => {
    const file = await store.stat(digest);
    if (!file || (await catalog.blob(digest))) return undefined;
    catalog.assertComplete();
    if (!dryRun) await store.delete(digest);
    return { files: 1, bytes: file.size };
  });
}
