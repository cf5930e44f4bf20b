/**
 * Lines that hold the promises of docs/reliability.md, and what becomes of each when somebody breaks it: `npm run test:mutants`
 * puts `to` in the place of `from`, which occurs once in `file`, and expects that `test` fails.
 */
export interface Mutant {
  /** Number in docs/reliability.md. */
  readonly promise: number;
  /** What is broken. */
  readonly what: string;
  /** Below src/. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Below test/, without `.test.ts`. */
  readonly test: string;
}

const SPOOL = 'content/spool.ts';
const SPOOL_FILE = 'content/spool-file.ts';
const SPOOL_AREA = 'content/spool-area.ts';
const STORE = 'content/filesystem-blob-store.ts';
const FLIGHT = 'cache/flight.ts';
const RUN = 'cache/collect/collection-run.ts';
const ERASER = 'cache/collect/stored-eraser.ts';
const CATALOG = 'catalog/catalog.ts';
const LINKS = 'catalog/links.ts';
const EDGES = 'catalog/edges.ts';

export const MUTANTS: readonly Mutant[] = [
  {
    promise: 1,
    what: 'the digest is not compared',
    file: SPOOL,
    from: 'return found === this.digest ? undefined :',
    to: 'return found !== undefined ? undefined :',
    test: 'content/spool',
  },
  {
    promise: 1,
    what: 'the size is not compared',
    file: SPOOL,
    from: 'if (this.#size !== undefined && this.#received !== this.#size) {',
    to: 'if (this.#size === -1) {',
    test: 'content/spool',
  },
  {
    promise: 1,
    what: 'a published file is not measured',
    file: STORE,
    from: 'if (size !== file.size) throw',
    to: 'if (size < 0) throw',
    test: 'content/filesystem-blob-store',
  },
  {
    promise: 1,
    what: 'a verified file is published twice',
    file: SPOOL,
    from: 'if (this.#taken) throw',
    to: 'if (this.size < 0) throw',
    test: 'content/filesystem-blob-store',
  },
  {
    promise: 2,
    what: 'the tail is not held back',
    file: SPOOL,
    from: 'export const TAIL = 64 * 1024;',
    to: 'export const TAIL = 0;',
    test: 'cases/faults-clients',
  },
  {
    promise: 2,
    what: 'followers of a discarded spool are not told',
    file: SPOOL,
    from: 'for (const follower of this.#followers) follower.fail(this.#cut.failure);',
    to: '',
    test: 'content/spool',
  },
  {
    promise: 2,
    what: 'small blobs are sent before they are verified',
    file: FLIGHT,
    from: 'export const SMALL_BLOB = MiB;',
    to: 'export const SMALL_BLOB = 0;',
    test: 'cache/flight',
  },
  {
    promise: 2,
    what: 'more than the size is taken',
    file: SPOOL,
    from: 'if (this.#size !== undefined && this.#received + chunk.length > this.#size) {',
    to: 'if (this.#size === -1) {',
    test: 'content/spool',
  },
  {
    promise: 3,
    what: 'the file is not synced',
    file: STORE,
    from: '      await file.sync();\n',
    to: '',
    test: 'content/filesystem-blob-store',
  },
  {
    promise: 3,
    what: 'the directory is not synced after the rename',
    file: STORE,
    from: '      await syncDirectory(this.#fs, dirname(path));\n',
    to: '',
    test: 'content/filesystem-blob-store',
  },
  {
    promise: 3,
    what: 'a new directory is not synced in its parent',
    file: STORE,
    from: '.then(() => syncDirectory(this.#fs, dirname(shard)))',
    to: '.then(() => undefined)',
    test: 'content/filesystem-blob-store',
  },
  {
    promise: 3,
    what: 'the record is written before the bytes',
    file: FLIGHT,
    from: `      await store.publish(file);
      await catalog.recordBlob({ repository: this.repository, descriptor, public: this.#public });`,
    to: `      await catalog.recordBlob({ repository: this.repository, descriptor, public: this.#public });
      await store.publish(file);`,
    test: 'cache/flight',
  },
  {
    promise: 3,
    what: 'the record is not synced',
    file: 'metadata/level-metadata-store.ts',
    from: '{ sync: durable !== false }',
    to: '{ sync: false }',
    test: 'metadata/level-metadata-store',
  },
  {
    promise: 4,
    what: 'records of the snapshot without bytes stay after a rebuild',
    file: 'catalog/rebuild.ts',
    from: '    tx.delete(keys.blob(digest));\n    await removeLinks(tx, digest);\n    gone++;',
    to: '    gone++;',
    test: 'catalog/open-catalog',
  },
  {
    promise: 4,
    what: 'a record that does not match its checksum is believed',
    file: 'metadata/checksum.ts',
    from: 'if (sealed.slice(0, DIGITS) !== checksum(key, value)) {',
    to: 'if (sealed.length < DIGITS) {',
    test: 'metadata/level-metadata-store',
  },
  {
    promise: 4,
    what: 'LevelDB gets tables that do not match their checksums',
    file: 'metadata/level-metadata-store.ts',
    from: '    await hideUnsound(dir, options.log);\n',
    to: '',
    test: 'metadata/level-metadata-store',
  },
  {
    promise: 4,
    what: 'a client that comes across damage of the index is refused',
    file: 'cache/pull-through.ts',
    from: "if (!isAppError(error, 'INDEX_CORRUPT')) throw error;",
    to: 'throw error;',
    test: 'daemon/damaged-index',
  },
  {
    promise: 4,
    what: 'clients are answered from an index that is not restored yet',
    file: 'catalog/stored-records.ts',
    from: 'if (this.#replaced) await this.#replaced;\n    try {\n      const',
    to: 'try {\n      const',
    test: 'catalog/replaced-index',
  },
  {
    promise: 4,
    what: 'damage that a reopen finds is forgotten',
    file: 'catalog/write-queue.ts',
    from: "if (isAppError(error, 'INDEX_CORRUPT')) this.condemn(error);",
    to: '',
    test: 'catalog/replaced-index',
  },
  {
    promise: 5,
    what: 'a partial is gone on with that does not agree with its note',
    file: SPOOL_AREA,
    from: 'if (found !== sidecar.prefix) throw',
    to: 'if (found === undefined) throw',
    test: 'content/spool-area',
  },
  {
    promise: 6,
    what: 'a file is used after a failed sync',
    file: SPOOL_FILE,
    from: "      this.#lose(error, 'syncing a spool');\n",
    to: '',
    test: 'content/spool-failing-disk',
  },
  {
    promise: 6,
    what: 'the index takes writes after one that failed',
    file: 'metadata/level-metadata-store.ts',
    from: "      this.#state = 'failed';\n",
    to: '',
    test: 'metadata/level-metadata-store',
  },
  {
    promise: 6,
    what: 'records are remembered over a failed write',
    file: 'catalog/write-queue.ts',
    from: '      this.#records.forget(batch.map((mutation) => mutation.key));\n',
    to: '',
    test: 'catalog/catalog',
  },
  {
    promise: 7,
    what: 'each client fetches for itself',
    file: FLIGHT,
    from: '    if (running) return running;\n',
    to: '',
    test: 'cache/flight',
  },
  {
    promise: 8,
    what: 'the download waits for nobody, and nobody for the disk',
    file: SPOOL_FILE,
    from: 'this.#queued >= QUEUE_BYTES || this.#queue.length >= QUEUE_CHUNKS',
    to: 'this.#queued < 0',
    test: 'content/spool',
  },
  {
    promise: 9,
    what: 'a download ends with its last client',
    file: FLIGHT,
    from: 'const IDLE_MS = 60_000;',
    to: 'const IDLE_MS = 0;',
    test: 'cache/flight',
  },
  {
    promise: 9,
    what: 'what was fetched is thrown away when a download is put off',
    file: FLIGHT,
    from: 'else await spool.keep(error);',
    to: 'else await spool.discard(error);',
    test: 'cache/flight',
  },
  {
    promise: 9,
    what: 'a download begins anew where it could go on',
    file: FLIGHT,
    from: '(await spools.resume(upstream, this.digest)) ??',
    to: '',
    test: 'cache/flight',
  },
  {
    promise: 10,
    what: 'what a manifest names is not needed',
    file: EDGES,
    from: '  if (await isAny(records, prefixes.parentsOf(digest))) return true;\n',
    to: '',
    test: 'catalog/edges',
  },
  {
    promise: 10,
    what: 'what is pinned is not needed',
    file: EDGES,
    from: '  if (await isAny(records, prefixes.pinsOn(digest))) return true;\n',
    to: '',
    test: 'catalog/catalog',
  },
  {
    promise: 10,
    what: 'referrers of a stored image are not needed',
    file: EDGES,
    from: '  return refersToStored(records, digest);\n',
    to: '  return false;\n',
    test: 'catalog/catalog',
  },
  {
    promise: 10,
    what: 'what was stored again since it was chosen goes',
    file: ERASER,
    from: 'return (await tx.get(keys.blob(digest)))?.ran === ran;',
    to: 'return (await tx.get(keys.blob(digest)))?.ran === ran || true;',
    test: 'cache/collect/retention',
  },
  {
    promise: 10,
    what: 'what is stored after the choice of an image that names it goes with that',
    file: 'cache/collect/eraser.ts',
    from: '(freed.ran ?? -Infinity) >= chosenAt || ',
    to: '',
    test: 'cache/collect/retention',
  },
  {
    promise: 10,
    what: 'what is stored again is as old as before',
    file: LINKS,
    from: '    storedAt: before?.storedAt ?? at,\n    ran,\n',
    to: '    storedAt: before?.storedAt ?? at,\n    ran: before?.ran ?? ran,\n',
    test: 'catalog/catalog',
  },
  {
    promise: 10,
    what: 'nothing is too young to go',
    file: RUN,
    from: 'return catalog.runningTime - blob.ran < lifetime;',
    to: 'return catalog.runningTime < 0 && lifetime < 0;',
    test: 'cache/collect/collector',
  },
  {
    promise: 10,
    what: 'what a rebuild found goes with the garbage',
    file: RUN,
    from: 'blob.recoveredAt === undefined ? policy.gracePeriod : policy.retention',
    to: 'policy.gracePeriod',
    test: 'cache/collect/collector',
  },
  {
    promise: 10,
    what: 'things are collected while the index is rebuilt',
    file: ERASER,
    from: '          catalog.assertComplete();\n',
    to: '',
    test: 'cache/collect/collector-scale',
  },
  {
    promise: 10,
    what: 'the edges of a manifest are not written',
    file: EDGES,
    from: '  for (const child of record.children) tx.put(keys.parent(child, manifest), MARK);\n',
    to: '',
    test: 'catalog/edges',
  },
  {
    promise: 12,
    what: 'a spool that is full cannot be gone on with',
    file: SPOOL,
    from: "if (this.#cut || this.#file.failure?.code !== 'STORE_FULL') return undefined;",
    to: 'if (this.size !== -1) return undefined;',
    test: 'cache/full-disk',
  },
  {
    promise: 13,
    what: 'old links come back with new bytes',
    file: LINKS,
    from: '  if (!before) await removeLinks(tx, descriptor.digest);\n',
    to: '',
    test: 'catalog/catalog',
  },
  {
    promise: 13,
    what: 'links stay when the bytes are forgotten',
    file: CATALOG,
    from: '      await removeBlobRecord(tx, digest);\n      await removeLinks(tx, digest);\n',
    to: '      await removeBlobRecord(tx, digest);\n',
    test: 'catalog/catalog',
  },
  {
    promise: 13,
    what: 'a link is granted for what is not stored',
    file: CATALOG,
    from: 'if (await tx.get(keys.blob(digest))) await putLink(tx, repository, digest, link);',
    to: 'await putLink(tx, repository, digest, link);',
    test: 'catalog/catalog',
  },
];
