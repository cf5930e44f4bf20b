/**
 * Hashes what is stored again. What turns out bad is quarantined at once, so nobody is served it any more, forgotten, and
 * fetched again through the repositories that may have it.
 *
 * A scheduled scrub begins where the last one was cut off, so that also a store which takes longer than the daemon ever runs
 * is got round.
 *
 * A blob is condemned under its mutex and only while the file that was hashed is still the one that is stored: good bytes
 * that were published meanwhile are left alone.
 */
import type { Catalog } from '../../catalog/catalog.js';
import { keys, prefixes, repositoryAfterDigest } from '../../catalog/keys.js';
import type { BlobRecord } from '../../catalog/records.js';
import type { BlobStore } from '../../content/blob-store.js';
import type { Rehashed, Rehasher } from '../../content/rehash.js';
import type { KeyedMutex } from '../../lib/async.js';
import type { Clock } from '../../lib/clock.js';
import { toAppError } from '../../lib/errors.js';
import type { Logger } from '../../lib/log.js';
import type { Repository } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import { isManifestType } from '../../oci/media-types.js';
import { note } from '../notes.js';
import type { CorruptBlob, VerifyCounts, VerifyEvent } from './contents.js';
import type { ImageReader } from './image-reader.js';
import type { PullThrough } from '../pull-through.js';

export interface ScrubberParts {
  readonly catalog: Catalog;
  readonly store: BlobStore;
  readonly reader: ImageReader;
  readonly pull: Pick<PullThrough, 'fillBlob' | 'manifest'>;
  readonly digestLocks: KeyedMutex;
  /** Starts a thread that hashes at most `rate` bytes a second. */
  readonly startRehasher: (rate: number) => Rehasher;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is hashed, in order, and how much that is as far as it is known beforehand. */
export interface ScrubTarget {
  readonly digests: AsyncIterable<Digest>;
  readonly totalBlobs: number;
  readonly totalBytes: number;
}

/** Repositories that get a bad blob back at once; others ask upstream when they are pulled from. */
const MOST_LINKED = 100;
/** Milliseconds between two events of progress. */
const TELL_EVERY = 500;
/** Milliseconds between two notes of how far a scrub is: what a crash has hashed again. */
const NOTE_EVERY = 60_000;
/** A smaller blob is hashed before there is anything to tell. */
const LARGE = 16 * 1024 * 1024;

/** What is left to do about a blob that was bad. */
interface Condemned {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly wasMissing: boolean;
  readonly linkedTo: readonly Repository[];
}

export class Scrubber {
  readonly #parts: ScrubberParts;

  constructor(parts: ScrubberParts) {
    this.#parts = parts;
  }

  /** The scheduled scrub: all that is stored. What it found is in the log. Throws what ended it early. */
  async scrub(rate: number, signal: AbortSignal): Promise<void> {
    const { catalog, clock, log } = this.#parts;
    const startedAt = clock.now();
    let corrupt = 0;
    const target = { ...(await this.everything()), digests: this.#round() };
    for await (const event of this.verify(target, rate, signal)) {
      if (event.kind === 'corrupt') corrupt++;
      if (event.kind !== 'done') continue;
      const report = { startedAt, durationMs: event.durationMs, ...event.counts, corrupt };
      log.info(report, 'scrubbed');
      await note(
        log,
        'the report of a scrub',
        catalog.turn((tx) => tx.put(keys.scrub, report)),
      );
    }
  }

  async everything(): Promise<ScrubTarget> {
    const { blobs, bytes } = await this.#parts.catalog.stored();
    return { digests: digestsOf(this.#parts.catalog.blobs()), totalBlobs: blobs, totalBytes: bytes };
  }

  /** Every blob once, beginning after the last one of the scrub before. Whatever ends it, the next one goes on from there. */
  async *#round(): AsyncIterable<Digest> {
    const { catalog, clock, log } = this.#parts;
    const begin = await catalog.records.get(keys.scrubbed);
    let at = begin;
    let notedAt = clock.monotonic();
    const noteIt = async () => {
      notedAt = clock.monotonic();
      const last = at;
      if (last === undefined) return;
      await note(
        log,
        'how far the scrub is',
        catalog.turn((tx) => tx.put(keys.scrubbed, last)),
      );
    };
    try {
      for await (const digest of around(catalog, begin)) {
        at = digest;
        yield digest;
        if (clock.monotonic() - notedAt >= NOTE_EVERY) await noteIt();
      }
    } finally {
      await noteIt();
    }
  }

  async *verify(target: ScrubTarget, rate: number, signal: AbortSignal): AsyncGenerator<VerifyEvent, void, undefined> {
    const { clock, reader, startRehasher } = this.#parts;
    const { totalBlobs, totalBytes } = target;
    const counts = { checked: 0, bytes: 0 };
    const progress = (bytes: number): VerifyEvent => ({
      kind: 'progress',
      counts: { checked: counts.checked, bytes: counts.bytes + bytes },
      totalBlobs,
      totalBytes,
    });
    const startedAt = clock.monotonic();
    let toldAt = startedAt;
    yield progress(0);
    const rehasher = startRehasher(rate);
    const stop = () => void rehasher.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const digest of target.digests) {
        signal.throwIfAborted();
        const record = await reader.record(digest);
        if (!record || record.unseen) continue;
        const hashing = rehasher.rehash(digest);
        // Whoever reads these events may leave before it is awaited.
        hashing.catch(() => undefined);
        if (record.size > LARGE) {
          for await (const bytes of this.#whilst(hashing, rehasher)) yield progress(bytes);
        }
        const found = await hashing;
        counts.checked++;
        if (found.kind === 'hashed') counts.bytes += found.size;
        const condemned = isGood(digest, record, found) ? undefined : await this.#condemn(digest, found, rehasher);
        if (condemned) yield { kind: 'corrupt', blob: await this.#fetchAgain(condemned, signal) };
        if (clock.monotonic() - toldAt < TELL_EVERY) continue;
        toldAt = clock.monotonic();
        yield progress(0);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      await rehasher.close();
    }
    yield progress(0);
    const durationMs = Math.round(clock.monotonic() - startedAt);
    yield { kind: 'done', counts: { ...counts } satisfies VerifyCounts, durationMs };
  }

  /** How far it is, every now and then, until it is over. */
  async *#whilst(hashing: Promise<unknown>, rehasher: Rehasher): AsyncIterable<number> {
    const { clock } = this.#parts;
    const over = new AbortController();
    const ended = hashing.then(
      () => true,
      () => true,
    );
    try {
      for (;;) {
        const tick = clock.sleep(TELL_EVERY, over.signal).then(
          () => false,
          () => true,
        );
        if (await Promise.race([ended, tick])) return;
        yield rehasher.progress;
      }
    } finally {
      over.abort();
    }
  }

  /** Undefined when it is good or gone by now. */
  #condemn(digest: Digest, found: Rehashed, rehasher: Rehasher): Promise<Condemned | undefined> {
    const { catalog, store, digestLocks, log } = this.#parts;
    return digestLocks.run(digest, async () => {
      const record = await catalog.blob(digest);
      if (!record) return undefined;
      const wasMissing = found.kind === 'missing';
      const changed = wasMissing
        ? (await store.stat(digest)) !== undefined
        : !(await rehasher.isStill(digest, found.version));
      if (changed) return undefined;
      log.error({ digest, found }, 'stored blob is bad: forgotten, to be fetched again');
      if (!wasMissing) await store.quarantine(digest);
      const linkedTo = await this.#linkedTo(digest);
      await catalog.forgetBlob(digest);
      return { digest, mediaType: record.mediaType, wasMissing, linkedTo };
    });
  }

  async #linkedTo(digest: Digest): Promise<readonly Repository[]> {
    const repositories: Repository[] = [];
    for await (const [key] of this.#parts.catalog.records.scan(prefixes.linksOf(digest))) {
      repositories.push(repositoryAfterDigest(key));
      if (repositories.length === MOST_LINKED) break;
    }
    return repositories;
  }

  /** Once fetched through one of them, the others only have to be confirmed. */
  async #fetchAgain(condemned: Condemned, signal: AbortSignal): Promise<CorruptBlob> {
    const { digest, wasMissing, linkedTo } = condemned;
    let fetched = false;
    let message = 'no repository may have it';
    for (const repository of linkedTo) {
      try {
        await this.#fetchThrough(repository, condemned, signal);
        fetched = true;
      } catch (error) {
        message = toAppError(error).message;
        this.#parts.log.warn({ digest, repository: repository.name, err: error }, 'bad blob was not fetched again');
        if (signal.aborted) break;
      }
    }
    const action = wasMissing ? 'missing' : fetched ? 'refetched' : 'quarantined';
    return { digest, action, message: fetched ? undefined : message };
  }

  async #fetchThrough(repository: Repository, { digest, mediaType }: Condemned, signal: AbortSignal): Promise<void> {
    const { pull } = this.#parts;
    if (!isManifestType(mediaType)) {
      await pull.fillBlob(repository, digest, 'prefetch', signal);
      return;
    }
    const { unstored } = await pull.manifest(repository, digest, 'body', signal);
    if (unstored) throw unstored;
  }
}

const isGood = (digest: Digest, record: BlobRecord, found: Rehashed): boolean =>
  found.kind === 'hashed' && found.digest === digest && found.size === record.size;

async function* around(catalog: Catalog, begin: Digest | undefined): AsyncIterable<Digest> {
  yield* digestsOf(catalog.blobs(begin));
  if (begin === undefined) return;
  for await (const { digest } of catalog.blobs()) {
    if (digest > begin) return;
    yield digest;
  }
}

async function* digestsOf(blobs: AsyncIterable<{ readonly digest: Digest }>): AsyncIterable<Digest> {
  for await (const { digest } of blobs) yield digest;
}
