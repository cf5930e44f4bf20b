/**
 * What Cistern knows: which bytes are stored, who may serve them, where tags point, what needs what, and when it was last
 * used. Written once, over the `MetadataStore` port; every write is one durable batch through one queue.
 *
 * A record says that bytes were stored, never that they still are: a record without bytes is a miss, and `forgetBlob`
 * takes it away. Writes throw AppError STORE_FULL, INDEX_FAILED or INDEX_CORRUPT; reads go on as long as they can.
 */
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';
import type { Descriptor, Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import type { Tag, TagOrDigest } from '../oci/reference.js';
import { digestsOf, hasParentIn, putEdges, putRoot, readRoots, someAncestor, takeOverChildren } from './edges.js';
import { firstDigest, keys, prefixes, repositoryFirst, tagOf } from './keys.js';
import { putBlob, putLink, putUnlinked, removeLink, removeLinks, type StoredBlob } from './links.js';
import type {
  BlobRecord,
  LinkRecord,
  ManifestRecord,
  PastTag,
  Pin,
  Root,
  StoredTotal,
  TagEntry,
  TagRecord,
  UseRecord,
} from './records.js';
import type { PagedRecords, StoredRecords } from './stored-records.js';
import { NOTHING, removeBlobRecord } from './stored-total.js';
import { moveTag, putPin, readPins, removePin, removeTag } from './tags.js';
import type { Transaction } from './transaction.js';
import type { Usage } from './usage.js';
import { Upkeep, type CatalogHealth, type UpkeepOptions } from './upkeep.js';

export type { CatalogHealth } from './upkeep.js';
export type { BlobRecord, Checked, LinkRecord, TagRecord } from './records.js';

export interface StoredManifest extends StoredBlob {
  readonly children: readonly Descriptor[];
  readonly subject?: Digest | undefined;
  /** How it was asked for. A `child` is there because its parent is. */
  readonly asked: 'tag' | 'digest' | 'child';
  /** The tag that points here from now on. */
  readonly tag?: Tag | undefined;
}

export class Catalog {
  readonly #clock: Clock;
  readonly #records: StoredRecords;
  readonly #usage: Usage;
  readonly #upkeep: Upkeep;

  private constructor(clock: Clock, upkeep: Upkeep) {
    this.#clock = clock;
    this.#records = upkeep.records;
    this.#usage = upkeep.usage;
    this.#upkeep = upkeep;
  }

  /** The index is open and its epoch checked, and it is the catalog's to close: see open-catalog.ts. */
  static async open(options: UpkeepOptions): Promise<Catalog> {
    return new Catalog(options.clock, await Upkeep.start(options));
  }

  // ---- reads

  async tag(repository: Repository, tag: Tag): Promise<TagRecord | undefined> {
    const key = keys.tag(repository, tag);
    const record = await this.#records.get(key);
    return record && this.#usage.checked(key, record);
  }

  blob(digest: Digest): Promise<BlobRecord | undefined> {
    return this.#records.get(keys.blob(digest));
  }

  link(repository: Repository, digest: Digest): Promise<LinkRecord | undefined> {
    return this.#records.get(keys.link(digest, repository));
  }

  /** What a stored manifest names; undefined for other blobs. */
  manifest(digest: Digest): Promise<ManifestRecord | undefined> {
    return this.#records.get(keys.manifest(digest));
  }

  parentsOf(digest: Digest): AsyncIterable<Digest> {
    return digestsOf(this.#records, prefixes.parentsOf(digest));
  }

  referrersOf(subject: Digest): AsyncIterable<Digest> {
    return digestsOf(this.#records, prefixes.referrersOf(subject));
  }

  /** Every digest that the repository may serve, in order. */
  heldBy(repository: Repository): AsyncIterable<Digest> {
    return digestsOf(this.#records, prefixes.heldBy(repository));
  }

  /** Every root, or those of one digest; ordered by digest, then repository. */
  roots(digest?: Digest): AsyncIterable<Root> {
    return readRoots(this.#records, digest === undefined ? prefixes.roots : prefixes.rootsOf(digest));
  }

  /** Every tag, or those of one repository. */
  async *tags(repository?: Repository): AsyncIterable<TagEntry> {
    const prefix = repository ? prefixes.tagsOf(repository) : prefixes.tags;
    for await (const [key, record] of this.#records.scan(prefix)) {
      yield { ...this.#usage.checked(key, record), repository: repositoryFirst(key), tag: tagOf(key) };
    }
  }

  /** Where the tag pointed before, the oldest first; at most the last 32 digests. */
  async tagHistory(repository: Repository, tag: Tag): Promise<readonly PastTag[]> {
    const past: PastTag[] = [];
    for await (const [, record] of this.#records.scan(prefixes.pastOf(repository, tag))) past.push(record);
    return past;
  }

  /** Every blob, or those after one; ordered by digest. */
  async *blobs(after?: Digest): AsyncIterable<BlobRecord & { readonly digest: Digest }> {
    const from = after && keys.blob(after);
    for await (const [key, record] of this.#records.scan(prefixes.blobs, from))
      yield { ...record, digest: firstDigest(key) };
  }

  /** All blobs together: exact, and one read. */
  async stored(): Promise<StoredTotal> {
    return (await this.#records.get(keys.stored)) ?? NOTHING;
  }

  /** The records themselves, past the memory, for those who read much of the index once. */
  get records(): PagedRecords {
    return this.#records.fresh;
  }

  pins(): AsyncIterable<Pin> {
    return readPins(this.#records);
  }

  /** Whether `reference` itself is pinned. */
  async hasPin(repository: Repository, reference: TagOrDigest): Promise<boolean> {
    return (await this.#records.get(keys.pin(repository, reference))) !== undefined;
  }

  /** Whether a pin in this repository keeps `digest`, itself or as part of an image. */
  isPinned(repository: Repository, digest: Digest): Promise<boolean> {
    return someAncestor(this.#records, digest, async (each) => {
      for await (const _ of this.#records.scan(prefixes.pinsIn(each, repository))) return true;
      return false;
    });
  }

  /** The last use of an image in a repository: of its manifest or one that it names. Counts what is not written yet. */
  async lastUse(repository: Repository, digest: Digest): Promise<UseRecord | undefined> {
    let latest = await this.useOf(repository, digest);
    for (const child of (await this.manifest(digest))?.children ?? []) {
      if (!(await this.manifest(child))) continue;
      const use = await this.lastUse(repository, child);
      if (use && (!latest || use.ran > latest.ran)) latest = use;
    }
    return latest;
  }

  /** How often a manifest request named this very digest in a repository. */
  async pullsOf(repository: Repository, digest: Digest): Promise<number> {
    const key = keys.used(digest, repository);
    return this.#usage.pulls(key, await this.#records.getFresh(key));
  }

  /** The last use of this very digest in a repository. */
  async useOf(repository: Repository, digest: Digest): Promise<UseRecord | undefined> {
    const key = keys.used(digest, repository);
    return this.#usage.latestUse(key, await this.#records.getFresh(key));
  }

  /** Milliseconds that the daemon has run on this directory: what `UseRecord.ran` is compared with. */
  get runningTime(): number {
    return this.#usage.runningTime;
  }

  // ---- writes: each is one durable batch

  /** The bytes are published: records them and links them to the repository they came through. */
  recordBlob(blob: StoredBlob): Promise<void> {
    return this.turn((tx) => putBlob(tx, blob, this.#moment()));
  }

  /** The same for a manifest, with its edges, its root, and the tag when one points here. */
  recordManifest(manifest: StoredManifest): Promise<void> {
    const { repository, descriptor, subject, asked, tag } = manifest;
    const { digest } = descriptor;
    const children = [...new Set(manifest.children.map((child) => child.digest))];
    return this.turn(async (tx) => {
      const moment = this.#moment();
      const { at, ran } = moment;
      await putBlob(tx, manifest, moment);
      await putLink(tx, repository, digest, { checkedAt: at, ran, mediaType: descriptor.mediaType });
      putEdges(tx, digest, { children, ...(subject !== undefined && { subject }) });
      await takeOverChildren(tx, repository, digest, children);
      if (asked !== 'child') await putRoot(tx, repository, digest, asked, at);
      if (tag !== undefined) await moveTag(tx, repository, tag, descriptor, moment, manifest.imported);
    });
  }

  /** For a manifest that is stored and linked already. */
  pointTag(repository: Repository, tag: Tag, descriptor: Descriptor, at: number, imported = false): Promise<void> {
    const moment = { at, ran: this.runningTime };
    return this.turn((tx) => moveTag(tx, repository, tag, descriptor, moment, imported));
  }

  /** Upstream said again that the tag points where it does. Written with the next flush. */
  checkedTag(repository: Repository, tag: Tag, at: number): void {
    this.#usage.noteCheck(repository, tag, at);
  }

  dropTag(repository: Repository, tag: Tag): Promise<void> {
    return this.turn((tx) => removeTag(tx, repository, tag));
  }

  /** Upstream said that the repository has it. Does nothing for bytes that are not stored. */
  grantLink(repository: Repository, digest: Digest, at: number, mediaType?: string): Promise<void> {
    const link = { checkedAt: at, ran: this.runningTime, ...(mediaType !== undefined && { mediaType }) };
    return this.turn(async (tx) => {
      if (await tx.get(keys.blob(digest))) await putLink(tx, repository, digest, link);
    });
  }

  /** Verified bytes that nobody may have yet. */
  recordUnlinked(descriptor: Descriptor): Promise<void> {
    return this.turn((tx) => putUnlinked(tx, descriptor, this.#moment()));
  }

  /** Links what an operator brought. False, and nothing is linked, when not all of it is stored. */
  linkImported(repository: Repository, digests: readonly Digest[]): Promise<boolean> {
    return this.turn(async (tx) => {
      for (const digest of digests) if (!(await tx.get(keys.blob(digest)))) return false;
      const link = { checkedAt: this.#now(), ran: this.runningTime, imported: true } as const;
      for (const digest of digests) await putLink(tx, repository, digest, link);
      return true;
    });
  }

  revokeLink(repository: Repository, digest: Digest): Promise<void> {
    return this.turn(async (tx) => {
      // What was never granted costs no write, and so shows nobody whether the digest is stored.
      if (await tx.get(keys.link(digest, repository))) removeLink(tx, repository, digest);
    });
  }

  /** The bytes are gone: so are the record and every link. Edges, roots and tags stay: the image may be fetched again. */
  forgetBlob(digest: Digest): Promise<void> {
    return this.turn(async (tx) => {
      await removeBlobRecord(tx, digest);
      await removeLinks(tx, digest);
    });
  }

  /** A stored manifest was asked for by digest: it is a root unless a parent is stored. */
  async noteRoot(repository: Repository, digest: Digest): Promise<void> {
    // Asked for at each pull by digest, so what is there already costs no turn.
    if (await this.#records.get(keys.root(digest, repository))) return;
    if (await hasParentIn(this.#records, repository, digest)) return;
    await this.turn((tx) => putRoot(tx, repository, digest, 'digest', this.#now()));
  }

  dropRoot(repository: Repository, digest: Digest): Promise<void> {
    return this.turn((tx) => tx.delete(keys.root(digest, repository)));
  }

  /** Keeps an image, or whatever a tag points at, now and later. */
  async pin(repository: Repository, reference: TagOrDigest): Promise<void> {
    await this.turn((tx) => putPin(tx, repository, reference, this.#now()));
    await this.#upkeep.trySnapshot();
  }

  /** False when there was no such pin. */
  async unpin(repository: Repository, reference: TagOrDigest): Promise<boolean> {
    const removed = await this.turn((tx) => removePin(tx, repository, reference));
    if (removed) await this.#upkeep.trySnapshot();
    return removed;
  }

  /** The same, for a manifest request. */
  notePull(repository: Repository, digest: Digest, at: number): void {
    this.#usage.notePull(repository, digest, at);
  }

  /** Kept in memory, to the minute; written with the next flush. */
  noteUse(repository: Repository, digest: Digest, at: number): void {
    this.#usage.noteUse(repository, digest, at);
  }

  /** A turn of the write queue: what it reads cannot change before what it puts is written, as one batch. */
  turn<T>(work: (transaction: Transaction) => Promise<T> | T): Promise<T> {
    return this.#upkeep.queue.turn(work);
  }

  // ---- life: see upkeep.ts

  get health(): CatalogHealth {
    return this.#upkeep.health;
  }

  /** While a rebuild is unfinished nothing may be deleted, whatever the health. */
  get rebuilding(): boolean {
    return this.#upkeep.rebuilding;
  }

  /** Throws REBUILDING while a rebuild is unfinished: who needs what is not known yet. */
  assertComplete(): void {
    if (this.rebuilding) throw new AppError('REBUILDING', 'nothing is deleted while the index is being rebuilt');
  }

  /** Called with each new health. Returns what ends that. */
  onStateChange(listener: (health: CatalogHealth) => void): () => void {
    return this.#upkeep.onStateChange(listener);
  }

  /** Writes the uses and checks that are only in memory. */
  flush(): Promise<void> {
    return this.#upkeep.flush();
  }

  /** What is committed when this is called is in the snapshot when it resolves. */
  snapshot(): Promise<void> {
    return this.#upkeep.snapshot();
  }

  /** Tries at once what is tried every second while the health is `full` or `failed`. Never throws. */
  recover(): Promise<void> {
    return this.#upkeep.recover();
  }

  /** Resolves when the rebuild that is under way has ended or was interrupted. */
  rebuilt(): Promise<void> {
    return this.#upkeep.rebuilt();
  }

  /** Writes what is in memory and a last snapshot, and closes the index. Every step is tried; a failure is thrown. */
  close(): Promise<void> {
    return this.#upkeep.close();
  }

  #moment(): UseRecord {
    return { at: this.#now(), ran: this.runningTime };
  }

  #now(): number {
    return this.#clock.now();
  }
}
