/**
 * A registry to pull from, in memory, that does every wrong thing registries have been seen to do, exactly when a test
 * says so. It speaks the OCI distribution API over real sockets and keeps a log of what it was asked.
 *
 *   const registry = await FakeRegistry.start(t);
 *   registry.push('team/app', makeImage({ seed: 'a' }), 'v1');
 *   registry.fail({ kind: 'blob', times: 1, at: 'middle' }, { drop: 'rst' });
 *   const gate = registry.hold({ kind: 'blob', at: 'last' });
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { ANONYMOUS, type Auth, FakeAuth } from './fake-auth.js';
import { type Fault, gone, type Moment, Reply } from './fake-reply.js';
import { FakeRepositories } from './fake-repositories.js';
import { type Content, type Image, type MultiPlatformImage, OCI_INDEX } from './images.js';
import { Listener, type ListenerOptions, type Tls } from './listener.js';
import type { Scope } from './tmp.js';

export type Kind = 'ping' | 'manifest' | 'blob' | 'tags' | 'referrers' | 'token' | 'cdn' | 'other';

export interface LoggedRequest {
  readonly kind: Kind;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly repository: string | undefined;
  /** Tag or digest. */
  readonly reference: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly range: string | undefined;
  /** Whose token or password it carried; empty for anonymous, undefined when it was turned away. */
  user: string | undefined;
  /** 0 until it is answered. */
  status: number;
  /** Of the body. */
  sentBytes: number;
}

/** Which requests; every field that is there must agree. */
export interface Which {
  readonly kind?: Kind;
  readonly method?: string;
  readonly repository?: string;
  readonly reference?: string;
  /** Answered with this status. Only known for requests that were answered. */
  readonly status?: number;
  /** Whether it asked for a range, or by which header. */
  readonly ranged?: boolean | string;
}

/** Which requests, how many of them, and at which moment of their answers. */
export interface When extends Omit<Which, 'status'> {
  /** All without it. */
  readonly times?: number;
  /** So many first ones are left alone. */
  readonly skip?: number;
  /** `headers` without it. */
  readonly at?: Moment;
}

/** Holds answers back until it is opened. */
export interface Gate {
  /** Resolves when the first request waits at the gate. */
  readonly reached: Promise<void>;
  /** How many wait, or have waited. */
  arrivals(): number;
  open(): void;
}

export interface FakeRegistryOptions {
  readonly auth?: Auth;
  /** Blobs are answered with a redirect to a second server, by URLs that `expireSignatures` makes worthless. */
  readonly cdn?: boolean;
  /** What a repository that the user may not see, and one that does not exist, answers; 404 without it. */
  readonly denial?: 'insufficient_scope' | 403 | 404;
  readonly host?: string;
  readonly tls?: Tls;
  /** Makes of a right answer what one registry in particular would send; faults come after it. */
  readonly reshape?: (reply: Reply, request: LoggedRequest) => Reply;
}

interface Rule {
  readonly when: When;
  left: number;
  skip: number;
  readonly effect: (reply: Reply, response: ServerResponse) => void;
}

export class FakeRegistry {
  readonly requests: LoggedRequest[] = [];
  readonly repositories = new FakeRepositories();
  readonly auth: FakeAuth;
  /** Of a page of tags, however many are asked for. */
  mostTags = Infinity;
  readonly #options: FakeRegistryOptions;
  #rules: Rule[] = [];
  readonly #listeners: Listener[] = [];
  #signature = 1;

  private constructor(options: FakeRegistryOptions) {
    this.#options = options;
    this.auth = new FakeAuth(options.auth ?? { type: 'none' }, () => `${this.tokenUrl}/token`);
  }

  /** Stopped when the scope ends. */
  static async start(scope: Scope, options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
    const registry = new FakeRegistry(options);
    const answer = (request: IncomingMessage, response: ServerResponse) => void registry.#answer(request, response);
    const own: ListenerOptions = { host: options.host ?? '127.0.0.1', tls: options.tls };
    // The registry, the CDN and the token server: three origins, of which the last two may stay unused.
    for (const listenerOptions of [own, own, own])
      registry.#listeners.push(await Listener.open(answer, listenerOptions));
    scope.after(() => registry.stop());
    return registry;
  }

  get #main(): Listener {
    return this.#listeners[0]!;
  }

  get url(): string {
    return this.#main.url;
  }

  /** `host:port`, as a client would name it. */
  get authority(): string {
    return this.#main.authority;
  }

  get port(): number {
    return this.#main.port;
  }

  get cdnUrl(): string {
    return this.#listeners[1]!.url;
  }

  get tokenUrl(): string {
    const { mode } = this.auth;
    return mode.type === 'bearer' && mode.separate ? this.#listeners[2]!.url : this.url;
  }

  /** TCP connections that the registry itself (not its CDN or token server) has accepted. */
  get connections(): number {
    return this.#main.connections;
  }

  push(repository: string, image: Image | MultiPlatformImage, tag?: string): void {
    this.repositories.push(repository, image, tag);
  }

  addBlob(repository: string, blob: Content): void {
    this.repositories.addBlob(repository, blob);
  }

  addManifest(repository: string, manifest: Content, tag?: string): void {
    this.repositories.addManifest(repository, manifest, tag);
  }

  /** Points a tag at a manifest that the repository has. */
  tag(repository: string, tag: string, manifest: { readonly digest: string }): void {
    this.repositories.repository(repository).tags.set(tag, manifest.digest);
  }

  remove(repository: string, reference: string): void {
    this.repositories.remove(repository, reference);
  }

  /** From now on only these users may pull from it. */
  restrict(repository: string, users: readonly string[]): void {
    this.repositories.repository(repository).allowed = new Set(users);
  }

  /** What tags/list answers, whatever it is and whatever page was asked for. */
  tagList(repository: string, tags: readonly unknown[]): void {
    this.repositories.repository(repository).tagList = tags;
  }

  /** Requests seen so far that agree with `which`. */
  seen(which: Which): LoggedRequest[] {
    return this.requests.filter(
      (request) => agrees(which, request) && (which.status === undefined || which.status === request.status),
    );
  }

  count(which: Which): number {
    return this.seen(which).length;
  }

  forgetRequests(): void {
    this.requests.length = 0;
  }

  /** Answers go wrong. Returns how to make them right again. */
  fail(when: When, fault: Fault): () => void {
    return this.#rule(when, (reply, response) => reply.apply(fault, when.at ?? 'headers', response));
  }

  /** Answers wait at the moment until the gate is opened. */
  hold(when: When): Gate {
    let arrive!: () => void;
    let release!: () => void;
    const reached = new Promise<void>((resolve) => (arrive = resolve));
    const opened = new Promise<void>((resolve) => (release = resolve));
    let arrivals = 0;
    const remove = this.#rule(when, (reply, response) => {
      reply.stopAt(when.at ?? 'headers', async () => {
        arrivals++;
        arrive();
        await Promise.race([opened, gone(response)]);
        return !response.destroyed;
      });
    });
    const open = () => {
      remove();
      release();
    };
    return { reached, arrivals: () => arrivals, open };
  }

  /** Does something between two requests: after the next answer that agrees was decided, before it is sent. */
  after(when: When, act: () => void): void {
    this.#rule({ times: 1, ...when }, (reply) => {
      reply.stopAt('headers', () => {
        act();
        return true;
      });
    });
  }

  expireTokens(): void {
    this.auth.expireTokens();
  }

  /** Every signed URL given so far answers 403 from now on. */
  expireSignatures(): void {
    this.#signature++;
  }

  /** Resets every connection and refuses new ones. */
  async down(): Promise<void> {
    for (const listener of this.#listeners) await listener.down();
  }

  /** Back, on the same ports. */
  async up(): Promise<void> {
    for (const listener of this.#listeners) await listener.up();
  }

  stop(): Promise<void> {
    return this.down();
  }

  #rule(when: When, effect: Rule['effect']): () => void {
    const rule: Rule = { when, left: when.times ?? Infinity, skip: when.skip ?? 0, effect };
    // A long run makes more of them than every request could be held against.
    this.#rules = [...this.#rules.filter(({ left }) => left > 0), rule];
    return () => {
      rule.left = 0;
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const logged: LoggedRequest = {
      ...route(url, this.auth.tokenPath),
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      range: request.headers.range,
      user: undefined,
      status: 0,
      sentBytes: 0,
    };
    this.requests.push(logged);
    request.resume();
    response.on('error', () => undefined);
    const right = this.#decide(request, logged, url);
    const reply = this.#options.reshape?.(right, logged) ?? right;
    for (const rule of this.#rules) {
      const refused = logged.user === undefined && logged.kind !== 'token' && logged.kind !== 'cdn';
      if (refused || rule.left <= 0 || !agrees(rule.when, logged)) continue;
      if (rule.skip-- > 0) continue;
      rule.left--;
      rule.effect(reply, response);
    }
    await reply.send(request, response);
    logged.status = reply.status;
    logged.sentBytes = reply.sentBytes;
  }

  #decide(request: IncomingMessage, logged: LoggedRequest, url: URL): Reply {
    if (logged.kind === 'token') return this.auth.token(request, url.searchParams);
    if (logged.kind === 'cdn') return this.#cdn(url);
    const admission = this.auth.admit(request, logged.repository);
    if ('refused' in admission) return admission.refused;
    logged.user = admission.user;
    if (logged.kind === 'ping') return new Reply(200, { 'content-type': 'application/json' }, '{}');
    if (logged.method !== 'GET' && logged.method !== 'HEAD') return Reply.error(405, 'UNSUPPORTED');
    const { repository = '', reference = '' } = logged;
    if (!this.maySee(repository, admission.user)) return this.#denied(repository);
    switch (logged.kind) {
      case 'manifest':
        return this.#manifest(repository, reference);
      case 'blob':
        return this.#blob(repository, reference);
      case 'tags':
        return this.#tags(repository, url);
      case 'referrers':
        return this.#referrers(repository, reference, url);
      case 'other':
        return Reply.error(404, 'UNSUPPORTED');
    }
  }

  /** `user` is empty for anonymous. */
  maySee(name: string, user: string): boolean {
    const repository = this.repositories.find(name);
    if (!repository) return false;
    return repository.allowed === undefined || (user !== ANONYMOUS && repository.allowed.has(user));
  }

  #denied(repository: string): Reply {
    const { denial = 404 } = this.#options;
    if (denial === 404) return Reply.error(404, 'NAME_UNKNOWN');
    if (denial === 403) return Reply.error(403, 'DENIED');
    return this.auth.challenge(`repository:${repository}:pull`, 'insufficient_scope');
  }

  #manifest(repository: string, reference: string): Reply {
    const manifest = this.repositories.manifest(repository, reference);
    if (!manifest) return Reply.error(404, 'MANIFEST_UNKNOWN');
    const headers = { 'content-type': manifest.mediaType, 'docker-content-digest': manifest.digest };
    return new Reply(200, headers, manifest.bytes);
  }

  #blob(repository: string, digest: string): Reply {
    const bytes = this.repositories.blob(repository, digest);
    if (!bytes) return Reply.error(404, 'BLOB_UNKNOWN');
    if (!this.#options.cdn) return blobReply(digest, bytes);
    return new Reply(307, { location: `${this.cdnUrl}/cdn/${digest}?signature=${this.#signature}` });
  }

  #cdn(url: URL): Reply {
    if (url.searchParams.get('signature') !== String(this.#signature)) return Reply.error(403, 'DENIED');
    const digest = url.pathname.slice('/cdn/'.length);
    const bytes = this.repositories.bytes(digest);
    return bytes ? blobReply(digest, bytes) : Reply.error(404, 'UNKNOWN');
  }

  #tags(name: string, url: URL): Reply {
    const headers = { 'content-type': 'application/json' };
    const repository = this.repositories.repository(name);
    if (repository.tagList) return new Reply(200, headers, JSON.stringify({ name, tags: repository.tagList }));
    const last = url.searchParams.get('last') ?? '';
    const tags = [...repository.tags.keys()].filter((tag) => tag > last).sort();
    const n = Math.min(Number(url.searchParams.get('n') ?? tags.length), this.mostTags);
    const page = tags.slice(0, n);
    const next = `</v2/${name}/tags/list?n=${n}&last=${page.at(-1) ?? ''}>; rel="next"`;
    const link = page.length > 0 && page.length < tags.length ? { link: next } : {};
    return new Reply(200, { ...headers, ...link }, JSON.stringify({ name, tags: page }));
  }

  #referrers(repository: string, digest: string, url: URL): Reply {
    const type = url.searchParams.get('artifactType');
    const all = this.repositories.referrers(repository, digest);
    const manifests = type === null ? all : all.filter((referrer) => referrer.artifactType === type);
    const filtered = type === null ? {} : { 'oci-filters-applied': 'artifactType' };
    const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    return new Reply(200, { 'content-type': OCI_INDEX, ...filtered }, body);
  }
}

const blobReply = (digest: string, bytes: Buffer): Reply =>
  Reply.content({ 'content-type': 'application/octet-stream', 'docker-content-digest': digest }, bytes);

const KINDS: Readonly<Record<string, Kind>> = {
  manifests: 'manifest',
  blobs: 'blob',
  tags: 'tags',
  referrers: 'referrers',
};

function route({ pathname }: URL, tokenPath: string): Pick<LoggedRequest, 'kind' | 'repository' | 'reference'> {
  const none = { repository: undefined, reference: undefined };
  if (pathname === '/v2/' || pathname === '/v2') return { kind: 'ping', ...none };
  if (pathname === tokenPath) return { kind: 'token', ...none };
  if (pathname.startsWith('/cdn/')) return { kind: 'cdn', repository: undefined, reference: pathname.slice(5) };
  const parts = /^\/v2\/(.+)\/(manifests|blobs|tags|referrers)\/([^/]+)$/.exec(pathname);
  const kind = KINDS[parts?.[2] ?? ''];
  if (!parts || !kind) return { kind: 'other', ...none };
  return { kind, repository: parts[1], reference: decodeURIComponent(parts[3] ?? '') };
}

const agrees = (which: When, request: LoggedRequest): boolean =>
  (which.kind === undefined || which.kind === request.kind) &&
  (which.method === undefined || which.method === request.method) &&
  (which.repository === undefined || which.repository === request.repository) &&
  (which.reference === undefined || which.reference === request.reference) &&
  (which.ranged === undefined || [request.range !== undefined, request.range].includes(which.ranged));
