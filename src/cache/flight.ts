/**
 * One download of one blob, and everybody who waits for it. A flight fetches from one upstream in the name of the
 * repository that asked first, resumes what breaks, verifies, publishes, and records. Its followers read the spool, so
 * none of them can slow the download, and it goes on for a while when the last of them has left.
 */
import { deferred, type KeyedMutex } from '../lib/async.js';
import type { Catalog } from '../catalog/catalog.js';
import type { BlobStore } from '../content/blob-store.js';
import type { SpoolArea } from '../content/spool-area.js';
import type { Spool, VerifiedFile } from '../content/spool.js';
import type { Clock } from '../lib/clock.js';
import { AppError, isAppError, toAppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import { traced } from '../lib/tracing.js';
import type { Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import type { Priority, Upstream } from '../upstream/upstream.js';
import { withRoom, type MakeRoom } from './collect/room.js';
import { note } from './notes.js';
import { isTransient } from './upstream-entry.js';

const MiB = 1024 * 1024;

/** Up to this size nothing is sent before the whole blob is verified, so that a bad one can still become an error. */
export const SMALL_BLOB = MiB;

/** How long, and how far, a fill goes on without followers before it becomes a partial. */
const IDLE_MS = 60_000;
const IDLE_BYTES = 256 * MiB;

/** How long a spool that ran out of room stays for those who read it. */
const STOPPED_MS = 10_000;

/** Only this much progress makes up for a failed attempt. */
const PROGRESS = MiB;
const FRUITLESS_ATTEMPTS = 5;
const ATTEMPTS = 50;
const LONGEST_WAIT_MS = 10_000;

const BLOB_MEDIA_TYPE = 'application/octet-stream';

export interface FlightParts {
  readonly spools: SpoolArea;
  readonly store: BlobStore;
  readonly catalog: Catalog;
  /** Spans {rename, record} here and {decide, unlink} in the collector. */
  readonly digestLocks: KeyedMutex;
  /** Asked before a fill gives up for lack of space. */
  readonly makeRoom: MakeRoom;
  readonly clock: Clock;
  readonly log: Logger;
}

export type Follower = 'live' | 'prefetch';

/** A flight as it is at a moment. */
export interface FlightState {
  readonly repository: Repository;
  readonly digest: Digest;
  /** Bytes. */
  readonly received: number;
  /** Undefined until upstream has said. */
  readonly size: number | undefined;
  /** How many wait for it. */
  readonly followers: Readonly<Record<Follower, number>>;
}

export class Flight {
  readonly digest: Digest;
  readonly repository: Repository;
  /** Settles when the flight is over: the blob is stored, or why it is not. */
  readonly done: Promise<void>;
  readonly #parts: FlightParts;
  readonly #upstream: Upstream;
  readonly #followers = { live: 0, prefetch: 0 };
  readonly #landing = new AbortController();
  readonly #ready = deferred<Spool>();
  readonly #entitled = new Map<string, Repository>();
  #spool: Spool | undefined;
  #public = true;
  #idle: { readonly stop: () => void; readonly from: number } | undefined;
  /** Set while a stopped spool is kept for its followers. */
  #forgetStopped: (() => void) | undefined;
  #over = false;
  #recorded = false;

  constructor(parts: FlightParts, upstream: Upstream, repository: Repository, digest: Digest) {
    this.#parts = parts;
    this.#upstream = upstream;
    this.repository = repository;
    this.digest = digest;
    const { upstream: host, name } = repository;
    this.done = traced('fill', 'internal', { upstream: host, repository: name, digest }, () => this.#run());
    this.done.catch(() => undefined);
  }

  /**
   * The spool, once it may be followed: upstream has answered, and a small blob is verified. Rejects with why there will
   * be none; STORE_FULL means that there is no room to write even its first byte.
   */
  get ready(): Promise<Spool> {
    return this.#ready.promise;
  }

  /** Its bytes turned out bad, or it was put off: too late to join, and soon time to start another. */
  get failed(): boolean {
    return this.#spool?.cut ?? false;
  }

  /** Bytes received so far. */
  get received(): number {
    return this.#spool?.received ?? 0;
  }

  get state(): FlightState {
    const { repository, digest, received } = this;
    return { repository, digest, received, size: this.#spool?.size, followers: { ...this.#followers } };
  }

  get followed(): boolean {
    return this.#priority() !== 'idle';
  }

  /** Counts a follower in until the returned function is called. */
  enter(as: Follower): () => void {
    this.#followers[as]++;
    this.#idle?.stop();
    this.#idle = undefined;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#followers[as]--;
      if (this.#priority() === 'idle') this.#becomeIdle();
    };
  }

  /** Whether upstream has said already that this repository may have the blob. */
  entitles(repository: Repository): boolean {
    return repository.name === this.repository.name || this.#entitled.has(repository.name);
  }

  /** Links the blob to one more repository, which upstream has just said may have it. */
  async entitle(repository: Repository): Promise<void> {
    this.#entitled.set(repository.name, repository);
    const { catalog, clock, log } = this.#parts;
    if (this.#recorded) await note(log, 'a link', catalog.grantLink(repository, this.digest, clock.now()));
  }

  /** Ends the download; what was fetched is kept as a partial. */
  async land(reason: AppError): Promise<void> {
    this.#landing.abort(reason);
    await this.done.catch(() => undefined);
  }

  #priority(): Priority {
    if (this.#followers.live > 0) return 'live';
    return this.#followers.prefetch > 0 ? 'prefetch' : 'idle';
  }

  #becomeIdle(): void {
    if (this.#over) {
      this.#dropStopped();
      return;
    }
    const stop = this.#parts.clock.after(IDLE_MS, () =>
      this.#landing.abort(new AppError('CANCELLED', 'nobody waits for this blob any more')),
    );
    this.#idle = { stop, from: this.received };
  }

  async #run(): Promise<void> {
    const { log } = this.#parts;
    const started = this.#parts.clock.monotonic();
    const where = { upstream: this.repository.upstream, repository: this.repository.name, digest: this.digest };
    try {
      const file = await this.#fetch();
      const { size } = file;
      await traced('store', 'internal', { bytes: size }, () => this.#store(file));
      log.info({ ...where, bytes: size, durationMs: Math.round(this.#parts.clock.monotonic() - started) }, 'stored');
    } catch (error) {
      this.#ready.reject(error);
      const level = isAppError(error, 'CANCELLED', 'BLOB_UNKNOWN', 'DENIED') ? 'debug' : 'warn';
      log[level]({ ...where, bytes: this.received, err: error }, 'not stored');
      throw error;
    } finally {
      this.#over = true;
      this.#idle?.stop();
      if (this.#priority() === 'idle') this.#becomeIdle();
    }
  }

  async #fetch(): Promise<VerifiedFile> {
    const { spools, makeRoom } = this.#parts;
    for (let first = true; ; first = false) {
      const { upstream } = this.repository;
      const spool =
        (await spools.resume(upstream, this.digest)) ??
        (await withRoom(makeRoom, SMALL_BLOB, () => spools.create({ upstream, digest: this.digest, size: undefined })));
      this.#spool = spool;
      try {
        await this.#fill(spool);
        const file = await spool.verify();
        this.#ready.resolve(spool);
        return file;
      } catch (error) {
        // As long as nobody has seen a byte of it, it can be asked for once more from the start.
        const again = first && !this.#ready.settled && isAppError(error, 'UPSTREAM_INVALID', 'RANGE_INVALID');
        await this.#end(spool, error);
        if (!again) throw error;
      }
    }
  }

  /** What becomes of a fill that failed. */
  async #end(spool: Spool, error: unknown): Promise<void> {
    if (spool.stopped()) {
      // For the next fill.
      void this.#parts.makeRoom((spool.size ?? 0) + SMALL_BLOB);
      // Its followers still read what was written, but a slow one must not keep the disk full: after a while they go on alone.
      this.#forgetStopped = this.#parts.clock.after(STOPPED_MS, () => this.#dropStopped());
      return;
    }
    const broken =
      !(error instanceof AppError) || isAppError(error, 'UPSTREAM_INVALID', 'RANGE_INVALID', 'STORE_FAILED');
    // Without room for the blob its beginning is not worth any either.
    const little = isAppError(error, 'STORE_FULL') && spool.received <= SMALL_BLOB;
    if (broken || little || spool.received === 0) await spool.discard(toAppError(error));
    else await spool.keep(error);
  }

  /** Attempts until all bytes are there. */
  async #fill(spool: Spool): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#landing;
    let fruitless = 0;
    for (let attempt = 1; ; attempt++) {
      const before = spool.received;
      try {
        await this.#transfer(spool);
        return;
      } catch (error) {
        signal.throwIfAborted();
        // Our slot was wanted by somebody with followers. If we have one again, we queue up again.
        if (isAppError(error, 'CANCELLED') && this.#priority() !== 'idle') continue;
        if (!isTransient(error)) throw error;
        fruitless = spool.received - before >= PROGRESS ? 0 : fruitless + 1;
        const wait = Math.max(250 * 2 ** Math.max(fruitless - 1, 0), (error.retryAfter ?? 0) * 1000);
        if (
          attempt >= ATTEMPTS ||
          fruitless >= FRUITLESS_ATTEMPTS ||
          wait > LONGEST_WAIT_MS ||
          this.#priority() === 'idle'
        )
          throw error;
        await clock.sleep(fruitless === 0 ? 0 : wait, signal);
      }
    }
  }

  async #transfer(spool: Spool): Promise<void> {
    const { signal } = this.#landing;
    const name = this.repository.name;
    if (spool.size !== undefined && spool.received >= spool.size) {
      // A partial that lacks nothing but its verification; upstream still has to agree that this repository may have it.
      if (await this.#upstream.statBlob(name, this.digest, { signal })) return;
      throw unknownBlob(this.digest);
    }
    const body = await this.#upstream.blob(name, this.digest, {
      offset: spool.received,
      signal,
      priority: () => this.#priority(),
    });
    if (!body) throw unknownBlob(this.digest);
    try {
      this.#public &&= body.public;
      // Asked beside the first bytes: what waits in a connection that breaks is lost.
      let room: Promise<void> | undefined;
      if (body.size !== undefined) {
        const missing = body.size - spool.received;
        spool.expect(body.size);
        room = withRoom(this.#parts.makeRoom, missing, () => this.#parts.spools.requireRoom());
        room.catch(() => undefined);
      }
      for await (const chunk of body.bytes) {
        await spool.append(chunk);
        await room;
        room = undefined;
        this.#announce(spool);
        if (this.#idle && spool.received - this.#idle.from > IDLE_BYTES) {
          throw new AppError('CANCELLED', 'nobody waits for this blob any more');
        }
      }
    } finally {
      body.destroy();
    }
  }

  /** A spool that ran out of room is there for its followers only; those who still need it fetch anew, past the disk. */
  #dropStopped(): void {
    if (!this.#spool?.stopped()) return;
    this.#forgetStopped?.();
    void this.#spool.discard(new AppError('STORE_FULL', 'no space left'));
  }

  #announce(spool: Spool): void {
    if (!this.#ready.settled && Math.max(spool.size ?? 0, spool.received) > SMALL_BLOB) this.#ready.resolve(spool);
  }

  /** Bytes before metadata: a crash in between leaves an orphan file, never a record without bytes. */
  async #store(file: VerifiedFile): Promise<void> {
    const { store, catalog, digestLocks, clock } = this.#parts;
    const descriptor = { digest: this.digest, size: file.size, mediaType: BLOB_MEDIA_TYPE };
    await digestLocks.run(this.digest, async () => {
      await store.publish(file);
      await catalog.recordBlob({ repository: this.repository, descriptor, public: this.#public });
      this.#recorded = true;
      for (const repository of this.#entitled.values()) await catalog.grantLink(repository, this.digest, clock.now());
    });
  }
}

export const unknownBlob = (digest: Digest): AppError =>
  new AppError('BLOB_UNKNOWN', `blob ${digest} is unknown to this repository`);

/** The flights under way: at most one for each upstream and digest. */
export class Flights {
  readonly #parts: FlightParts;
  readonly #flights = new Map<string, Flight>();
  #closing: AppError | undefined;

  constructor(parts: FlightParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#flights.size;
  }

  /** The oldest first. */
  states(): readonly FlightState[] {
    return [...this.#flights.values()].map((flight) => flight.state);
  }

  find(upstream: string, digest: Digest): Flight | undefined {
    return this.#flights.get(`${upstream} ${digest}`);
  }

  /** The flight of this digest from this upstream; a new one asks in the name of `repository`. */
  start(upstream: Upstream, repository: Repository, digest: Digest): Flight {
    if (this.#closing) throw this.#closing;
    const key = `${upstream.name} ${digest}`;
    const running = this.#flights.get(key);
    if (running) return running;
    const flight = new Flight(this.#parts, upstream, repository, digest);
    this.#flights.set(key, flight);
    const remove = () => this.#flights.delete(key);
    flight.done.then(remove, remove);
    return flight;
  }

  /** Waits until no flight is under way, or until `signal` is aborted; then lands the rest, keeping their partials. */
  async close(signal: AbortSignal): Promise<void> {
    this.#closing = new AppError('DRAINING', 'Cistern is stopping');
    const land = (flight: Flight) => void flight.land(new AppError('CANCELLED', 'Cistern is stopping'));
    const cut = () => [...this.#flights.values()].forEach(land);
    // What nobody follows would hold up the stop for nobody's sake.
    [...this.#flights.values()].filter((flight) => !flight.followed).forEach(land);
    if (signal.aborted) cut();
    else signal.addEventListener('abort', cut, { once: true });
    await Promise.allSettled([...this.#flights.values()].map((flight) => flight.done));
    signal.removeEventListener('abort', cut);
  }
}
