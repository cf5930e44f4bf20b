/**
 * The port to a registry, spoken over HTTP (OCI distribution specification 1.1). This file knows the endpoints and what
 * their answers mean; logins, redirects, connections and limits are below it.
 */
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import type { Descriptor } from '../oci/descriptor.js';
import { digestAlgorithm, digestOf, isDigest, type Digest } from '../oci/digest.js';
import { MAX_MANIFEST_BYTES, sniffManifest } from '../oci/manifest.js';
import { DOCKER_SCHEMA1_SIGNED, isManifestType, MANIFEST_ACCEPT, OCI_INDEX } from '../oci/media-types.js';
import type { TagOrDigest } from '../oci/reference.js';
import { AddressGuard, type ListenerAddress, type Resolve } from './address-guard.js';
import { contentTypeOf, failureOf, isAbsent, lengthOf } from './answers.js';
import { Authenticator } from './authenticator.js';
import { BlobFetcher } from './blob-fetcher.js';
import { Breaker } from './breaker.js';
import { openCredentials, type UpstreamAuth } from './credentials/open.js';
import { linkSignals, withinTime } from './deadline.js';
import { listReferrers, listTags, referrersTag, type ListCall } from './list-calls.js';
import { referrersFrom } from './listings.js';
import { honoursRange, probe, type Bodies, type Probe, type WatchedUpstream } from './probe.js';
import { ProxyChoice, type Environment } from './proxy.js';
import { RegistryClient } from './registry-client.js';
import { RequestTally } from './request-tally.js';
import { withRetries } from './retries.js';
import { Slots } from './slots.js';
import { readAll, type SmallRequest } from './small-answer.js';
import { Transport, type HttpResponse, type TlsOptions } from './transport.js';
import type {
  BlobCall,
  Call,
  Meter,
  Page,
  RawManifest,
  ReferrerDescriptor,
  TagPage,
  Upstream,
  UpstreamBody,
  UpstreamStatus,
} from './upstream.js';

export interface UpstreamOptions {
  readonly name: string;
  readonly url: URL | string;
  readonly auth: UpstreamAuth;
  readonly tls?: TlsOptions | undefined;
  /** Outbound proxy; without it `env` decides. */
  readonly proxy?: string | undefined;
  /** Read for HTTPS_PROXY, HTTP_PROXY, NO_PROXY and GOOGLE_APPLICATION_CREDENTIALS. */
  readonly env?: Environment | undefined;
  /** `host` or `host:port`, besides its own, that may be asked for tokens. */
  readonly realms: readonly string[];
  /** Milliseconds. */
  readonly connectTimeout: number;
  /** Milliseconds. */
  readonly responseTimeout: number;
  /** For bodies. */
  readonly maxConnections: number;
  /** Of these, for one blob that is larger than a piece; 1 without it. */
  readonly connectionsPerBlob?: number | undefined;
  readonly allowNetworks: readonly string[];
  readonly ownListeners: () => readonly ListenerAddress[];
  readonly clock: Clock;
  readonly log: Logger;
  /** Resolves host names; the system's resolver without it. */
  readonly lookup?: Resolve | undefined;
  /** Between 0 and 1; spreads retries. */
  readonly random?: (() => number) | undefined;
  /** Milliseconds that the circuit breaker stays open. */
  readonly breakerOpenFor?: number | undefined;
}

/** Manifests, tokens, HEADs and lists at once; more would only wait at the other end. */
const METADATA_CONNECTIONS = 32;
/** How registries say that they do not do HEAD. Some storage behind a redirect takes a signed GET only: 403. */
const NO_MANIFEST_HEAD: ReadonlySet<number> = new Set([400, 405, 501]);
const NO_BLOB_HEAD: ReadonlySet<number> = new Set([400, 401, 403, 405, 501]);

interface Parts {
  readonly client: RegistryClient;
  readonly authenticator: Authenticator;
  readonly transport: Transport;
  readonly breaker: Breaker;
  readonly tally: RequestTally;
  /** Whether bytes come from public addresses without anything that proves who we are. */
  readonly public: boolean;
}

interface Question {
  readonly method: 'GET' | 'HEAD';
  readonly repository: string;
  readonly path: string;
  readonly accept?: string;
}

export class RegistryUpstream implements Upstream, WatchedUpstream {
  readonly name: string;
  readonly #options: UpstreamOptions;
  readonly #parts: Parts;
  readonly #url: URL;
  readonly #bodySlots: Slots;
  readonly #blobs: BlobFetcher;
  readonly #metadataSlots: Slots;

  private constructor(options: UpstreamOptions, url: URL, parts: Parts) {
    this.name = options.name;
    this.#url = url;
    this.#options = options;
    this.#parts = parts;
    const { name, clock, connectionsPerBlob = 1 } = options;
    this.#bodySlots = new Slots({ upstream: name, limit: options.maxConnections, clock });
    const slots = this.#bodySlots;
    this.#blobs = new BlobFetcher({ ...options, ...parts, upstream: name, slots, connectionsPerBlob });
    this.#metadataSlots = new Slots({ upstream: name, limit: METADATA_CONNECTIONS, clock });
  }

  /** Connects to nothing yet. Throws CONFIG_INVALID on options that can never work. */
  static open(options: UpstreamOptions): RegistryUpstream {
    const { name, clock, log, tls = {}, realms } = options;
    const url = parseUrl(options);
    const guard = new AddressGuard(options);
    const proxies = new ProxyChoice(options.proxy, options.env);
    const tally = new RequestTally();
    const hostname = url.hostname;
    const transport = Transport.open({ ...options, upstream: name, hostname, tls, proxies, guard, tally });
    const breaker = new Breaker({ upstream: name, log, openFor: options.breakerOpenFor });
    const client = new RegistryClient({ upstream: name, url, transport, breaker, clock });
    const ask = (request: SmallRequest) => client.ask(request);
    const credentials = openCredentials(options.auth, { upstream: name, url, env: options.env ?? {}, ask, clock, log });
    const authenticator = new Authenticator({ upstream: name, url, realms, credentials, ask, clock, log });
    const isPublic = !credentials && tls.certFile === undefined && guard.publicOnly && !proxies.any;
    return new RegistryUpstream(options, url, { client, authenticator, transport, breaker, tally, public: isPublic });
  }

  get url(): string {
    return this.#url.href;
  }

  /** Whether requests carry a credential of ours. */
  get credentialed(): boolean {
    return this.#parts.authenticator.credentialed;
  }

  status(): UpstreamStatus {
    const { breaker, client, authenticator } = this.#parts;
    const { rateLimit, heldBackUntil } = client;
    return { breaker: breaker.state, rateLimit, heldBackUntil, credential: authenticator.credential };
  }

  get requests(): RequestTally {
    return this.#parts.tally;
  }

  bodies(): Bodies {
    const { active, waiting } = this.#bodySlots;
    return { active, most: this.#options.maxConnections, waiting };
  }

  probe(repository: string | undefined, signal: AbortSignal): Promise<Probe> {
    return probe({ ...this.#options, ...this.#parts, url: this.#url }, repository, signal);
  }

  honoursRange(repository: string, digest: Digest, signal: AbortSignal): Promise<boolean | undefined> {
    const parts = { ...this.#options, ...this.#parts };
    return this.#metadata({ signal }, (until) => honoursRange(parts, repository, digest, until));
  }

  resolve(repository: string, reference: TagOrDigest, call: Call): Promise<Descriptor | undefined> {
    return this.#metadata(call, async (signal) => {
      const question = { method: 'HEAD', repository, path: `manifests/${reference}`, accept: MANIFEST_ACCEPT } as const;
      const head = await this.#ask(question, signal);
      head.discard();
      if (isAbsent(head.status)) return undefined;
      if (head.status !== 200 && !NO_MANIFEST_HEAD.has(head.status)) throw this.#failure(head);
      const descriptor = head.status === 200 ? describedBy(head, reference) : undefined;
      return descriptor ?? (await this.#getManifest(repository, reference, signal, call.meter));
    });
  }

  manifest(repository: string, reference: TagOrDigest, call: Call): Promise<RawManifest | undefined> {
    return this.#metadata(call, (signal) => this.#getManifest(repository, reference, signal, call.meter));
  }

  statBlob(repository: string, digest: Digest, call: Call): Promise<{ readonly size: number | undefined } | undefined> {
    return this.#metadata(call, async (signal) => {
      const path = `blobs/${digest}`;
      const head = await this.#ask({ method: 'HEAD', repository, path }, signal);
      head.discard();
      if (head.status === 200) return { size: lengthOf(head) };
      if (!NO_BLOB_HEAD.has(head.status)) {
        if (isAbsent(head.status)) return undefined;
        throw this.#failure(head);
      }
      const get = await this.#ask({ method: 'GET', repository, path }, signal);
      get.destroy();
      if (get.status === 200) return { size: lengthOf(get) };
      if (isAbsent(get.status)) return undefined;
      throw this.#failure(get);
    });
  }

  blob(repository: string, digest: Digest, call: BlobCall): Promise<UpstreamBody | undefined> {
    return this.#blobs.blob(repository, digest, call);
  }

  tags(repository: string, page: Page, call: Call): Promise<TagPage | undefined> {
    return this.#metadata(call, (signal) => listTags(this.#listCall(repository, signal), page));
  }

  referrers(repository: string, digest: Digest, call: Call): Promise<readonly ReferrerDescriptor[]> {
    return this.#metadata(call, async (signal) => {
      const found = await listReferrers(this.#listCall(repository, signal), digest);
      if (found) return found;
      const index = await this.#getManifest(repository, referrersTag(digest), signal);
      return index?.mediaType === OCI_INDEX ? referrersFrom(index.bytes, this.name) : [];
    });
  }

  async close(): Promise<void> {
    await this.#parts.transport.close();
  }

  async #getManifest(
    repository: string,
    reference: TagOrDigest,
    signal: AbortSignal,
    meter?: Meter,
  ): Promise<RawManifest | undefined> {
    const question = { method: 'GET', repository, path: `manifests/${reference}`, accept: MANIFEST_ACCEPT } as const;
    const response = await this.#ask(question, signal);
    if (response.status !== 200) {
      response.discard();
      if (isAbsent(response.status)) return undefined;
      throw this.#failure(response);
    }
    meter?.answered();
    const bytes = await readAll(response, MAX_MANIFEST_BYTES);
    meter?.received(bytes.length);
    // By tag nothing else tells whether the bytes were damaged on their way; of a signed manifest of schema 1 it is the digest
    // without its signatures.
    const isTag = !isDigest(reference);
    const named = isTag ? (response.header('docker-content-digest') ?? '') : reference;
    const digest = digestOf(bytes, isDigest(named) ? digestAlgorithm(named) : 'sha256');
    const said = contentTypeOf(response);
    if (isDigest(named) && digest !== named && !(isTag && said === DOCKER_SCHEMA1_SIGNED)) {
      const where = isTag ? `${repository}:${reference} as ${named}` : reference;
      throw new AppError('UPSTREAM_INVALID', `${this.name}: the manifest sent for ${where} is ${digest}`);
    }
    const mediaType = isManifestType(said) ? said : (sniffManifest(bytes) ?? said);
    if (bytes.length === 0 || mediaType === '') {
      throw new AppError(
        'UPSTREAM_INVALID',
        `${this.name}: what was sent for ${repository}:${reference} is no manifest`,
      );
    }
    return { bytes, digest, size: bytes.length, mediaType, public: this.#parts.public };
  }

  /** The whole of a metadata call: its time limit, its retries. A connection is held only while one is used. */
  #metadata<T>(call: Call, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, random = Math.random } = this.#options;
    return withinTime(call, clock, this.name, (signal) =>
      withRetries(() => this.#inSlot(signal, task), { clock, signal, random }),
    );
  }

  async #inSlot<T>(signal: AbortSignal, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const slot = await this.#metadataSlots.acquire(() => 'live', signal);
    // Ends whatever the task left unread.
    const over = new AbortController();
    const link = linkSignals(signal, over.signal);
    try {
      return await task(link.signal);
    } catch (error) {
      over.abort(error);
      throw error;
    } finally {
      link.unlink();
      slot.release();
    }
  }

  #ask({ method, repository, path, accept = '*/*' }: Question, signal: AbortSignal): Promise<HttpResponse> {
    const request = { method, repository, path, headers: { accept }, lane: 'metadata', signal } as const;
    return this.#parts.client.send(request, this.#parts.authenticator);
  }

  #listCall(repository: string, signal: AbortSignal): ListCall {
    return {
      get: (path, accept) => this.#ask({ method: 'GET', repository, path, ...(accept && { accept }) }, signal),
      failure: (response) => this.#failure(response),
      where: this.name,
    };
  }

  #failure(response: HttpResponse): AppError {
    return failureOf(response, this.name, this.#options.clock.now());
  }
}

/** What a HEAD says, when it says enough; undefined where only the manifest itself can tell. */
function describedBy(head: HttpResponse, reference: TagOrDigest): Descriptor | undefined {
  const mediaType = contentTypeOf(head);
  const size = lengthOf(head);
  const said = head.header('docker-content-digest') ?? '';
  if (size === undefined || size === 0 || !isManifestType(mediaType)) return undefined;
  if (isDigest(reference)) {
    const agrees =
      said === '' || said === reference || (isDigest(said) && digestAlgorithm(said) !== digestAlgorithm(reference));
    return agrees ? { mediaType, digest: reference, size } : undefined;
  }
  return isDigest(said) ? { mediaType, digest: said, size } : undefined;
}

function parseUrl({ name, url }: UpstreamOptions): URL {
  const text = String(url);
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol))
    throw new AppError('CONFIG_INVALID', `${name}: its url is no http or https URL`);
  if (parsed.username !== '' || parsed.password !== '' || parsed.search !== '') {
    throw new AppError('CONFIG_INVALID', `${name}: its url must hold no credentials and no query; use auth`);
  }
  return parsed;
}
