/**
 * What a job would do, without doing it. Manifests that are not here are read from upstream and kept nowhere; no layer is
 * fetched, nothing is stored, linked, pointed or noted as used.
 */
import { setMaxListeners } from 'node:events';
import type { Catalog } from '../../catalog/catalog.js';
import { counted } from '../../lib/counted.js';
import { follow } from '../../lib/async.js';
import { AppError, isAppError } from '../../lib/errors.js';
import type { Descriptor, Repository } from '../../oci/descriptor.js';
import { digestOf, digestAlgorithm, isDigest, type Digest } from '../../oci/digest.js';
import { isTagPattern, type ImagePattern } from '../../oci/image-pattern.js';
import { parseManifest } from '../../oci/manifest.js';
import { formatImageReference, type ImageReference, type TagOrDigest } from '../../oci/reference.js';
import { isFresh } from '../freshness.js';
import type { Holding } from './holdings.js';
import { walkImage, type FoundManifest, type Walked, type WalkSource } from './image-walk.js';
import type { PlannedImage, PrefetchSpec } from './prefetch.js';
import type { SourceParts } from './prefetch-source.js';
import type { Tell } from './rate-gate.js';
import { MOST_IMAGES, tagsThatFit, tooMany } from './tag-patterns.js';
import type { Turns } from './turns.js';
import type { UpstreamEntry } from '../upstream-entry.js';

export interface PlanParts extends SourceParts {
  readonly catalog: Catalog;
  readonly manifestTurns: Turns;
  readonly host: string;
}

/** Configs are small; what claims to be one and is larger is left alone. */
const LARGEST_CONFIG = 1024 * 1024;

/** Throws what an image fails of, naming it, as soon as one does. */
export async function planPrefetch(
  parts: PlanParts,
  spec: PrefetchSpec,
  signal: AbortSignal,
): Promise<readonly PlannedImage[]> {
  const over = new AbortController();
  const until = over.signal;
  const unfollow = follow([signal], over);
  // Every image that waits for its turn listens.
  setMaxListeners(0, until);
  try {
    const images = new Map<string, ImageReference>();
    for (const pattern of spec.images) {
      for (const image of await expand(parts, pattern, until)) images.set(formatImageReference(image), image);
    }
    if (images.size > MOST_IMAGES) throw tooMany('the plan');
    const walks = [...images].map(async ([reference, image]) => ({
      reference,
      repository: repositoryOf(image),
      walked: await walk(parts, spec, reference, image, until),
    }));
    return await count(parts, await Promise.all(walks));
  } finally {
    unfollow();
    over.abort(new AppError('CANCELLED', 'the plan is over'));
  }
}

const repositoryOf = ({ upstream, repository }: { upstream: string; repository: string }): Repository => ({
  upstream,
  name: repository,
});

async function expand(
  parts: PlanParts,
  pattern: ImagePattern,
  signal: AbortSignal,
): Promise<readonly ImageReference[]> {
  if (!isTagPattern(pattern)) return [pattern];
  const { upstream, repository } = pattern;
  const tags = await tagsThatFit(pattern, (page) => parts.cache.tags(repositoryOf(pattern), page, signal));
  return tags.map((tag) => ({ upstream, repository, tag }));
}

async function walk(
  parts: PlanParts,
  spec: PrefetchSpec,
  reference: string,
  image: ImageReference,
  signal: AbortSignal,
): Promise<Walked> {
  const source = new PeekSource(parts, repositoryOf(image), signal);
  const wanted = image.digest ?? image.tag;
  if (wanted === undefined) throw new AppError('INTERNAL', `${reference} has neither tag nor digest`);
  try {
    return await walkImage(source, wanted, reference, { ...spec, host: parts.host });
  } catch (error) {
    if (!isAppError(error) || error.message.includes(reference)) throw error;
    const { code, message, retryAfter } = error;
    throw new AppError(code, `${reference}: ${message}`, { cause: error, retryAfter });
  }
}

/** In the order that was asked for: a blob of several images is missing in the first of them only. */
async function count(
  { cache, holdings }: PlanParts,
  found: readonly { readonly reference: string; readonly repository: Repository; readonly walked: Walked }[],
): Promise<readonly PlannedImage[]> {
  const counted = new Set<Digest>();
  const planned: PlannedImage[] = [];
  for (const { reference, repository, walked } of found) {
    const { policy } = cache.entry(repository, 'prefetch');
    const { digest, platforms, manifests, blobs } = walked;
    if (digest === undefined) continue;
    let bytesMissing = 0;
    const add = ({ digest: each, size }: Descriptor, held: Holding) => {
      // A link is granted by upstream's word, without a transfer.
      if ((held === 'absent' || held === 'elsewhere') && !counted.has(each)) bytesMissing += size;
      counted.add(each);
    };
    for (const each of manifests) add(each, await holdings.manifest(repository, each.digest, policy, 'now'));
    for (const each of blobs) add(each, await holdings.blob(repository, each.digest, policy, 'now'));
    const all = [...manifests, ...blobs];
    const bytesTotal = all.reduce((sum, { size }) => sum + size, 0);
    planned.push({ reference, digest, platforms, blobs: all.length, bytesTotal, bytesMissing });
  }
  return planned;
}

class PeekSource implements WalkSource {
  readonly #parts: PlanParts;
  readonly #entry: UpstreamEntry;
  readonly #repository: Repository;
  readonly #signal: AbortSignal;

  constructor(parts: PlanParts, repository: Repository, signal: AbortSignal) {
    this.#parts = parts;
    this.#entry = parts.cache.entry(repository, 'prefetch');
    this.#repository = repository;
    this.#signal = signal;
  }

  async manifest(reference: TagOrDigest): Promise<FoundManifest> {
    const digest = isDigest(reference) ? reference : await this.#resolve(reference);
    return (await this.#stored(digest)) ?? (await this.#fetched(digest));
  }

  async config({ digest, size }: Descriptor): Promise<Buffer | undefined> {
    const held = await this.#parts.holdings.blob(this.#repository, digest, this.#entry.policy, 'now');
    if (held !== 'absent') return this.#parts.cache.storedBytes(digest);
    if (size > LARGEST_CONFIG) return undefined;
    const body = await this.#entry.upstream.blob(this.#repository.name, digest, {
      signal: this.#signal,
      priority: () => 'prefetch',
    });
    if (!body) return undefined;
    const chunks: Buffer[] = [];
    let length = 0;
    try {
      for await (const chunk of body.bytes) {
        length += chunk.length;
        if (length > size) return undefined;
        chunks.push(chunk);
      }
    } finally {
      body.destroy();
    }
    const bytes = Buffer.concat(chunks);
    return digestOf(bytes, digestAlgorithm(digest)) === digest ? bytes : undefined;
  }

  referrers(subject: Digest): Promise<readonly Descriptor[]> {
    const { name } = this.#repository;
    return this.#turn(() => this.#entry.upstream.referrers(name, subject, { signal: this.#signal }));
  }

  async #resolve(tag: Exclude<TagOrDigest, Digest>): Promise<Digest> {
    const { catalog, clock } = this.#parts;
    const known = await catalog.tag(this.#repository, tag);
    if (known && isFresh(known, this.#entry.policy.tagTtl, clock.now())) return known.digest;
    const call = { signal: this.#signal };
    const found = await this.#turn(() => this.#entry.upstream.resolve(this.#repository.name, tag, call));
    if (!found) throw new AppError('MANIFEST_UNKNOWN', `manifest ${tag} is unknown to this repository`);
    return found.digest;
  }

  async #stored(digest: Digest): Promise<FoundManifest | undefined> {
    const { cache, catalog, holdings } = this.#parts;
    if ((await holdings.manifest(this.#repository, digest, this.#entry.policy, 'now')) !== 'here') return undefined;
    const bytes = await cache.storedBytes(digest);
    const record = await catalog.blob(digest);
    if (!bytes || !record) return undefined;
    const { mediaType } = record;
    return { descriptor: { digest, size: bytes.length, mediaType }, manifest: parseManifest(bytes, mediaType) };
  }

  async #fetched(digest: Digest): Promise<FoundManifest> {
    const { upstream } = this.#entry;
    const { name } = this.#repository;
    const look = (signal: AbortSignal) => upstream.resolve(name, digest, { signal });
    await this.#parts.gate.pass(this.#entry, look, refuseToWait, this.#signal);
    const raw = await this.#turn(() => upstream.manifest(name, digest, { signal: this.#signal }));
    if (!raw) throw new AppError('MANIFEST_UNKNOWN', `manifest ${digest} is unknown to this repository`);
    const { mediaType, size } = raw;
    return { descriptor: { digest: raw.digest, mediaType, size }, manifest: parseManifest(raw.bytes, mediaType) };
  }

  #turn<T>(task: () => Promise<T>): Promise<T> {
    return this.#parts.manifestTurns.run(this.#signal, task, this.#signal);
  }
}

/** Somebody waits for the plan. */
const refuseToWait: Tell = (held) => {
  if (!held) return;
  const { upstream, remaining, limit } = held;
  const message = `${upstream} allows ${counted(remaining, 'more pull')} of ${limit}: these are left to clients`;
  throw new AppError('UPSTREAM_RATE_LIMITED', message);
};
