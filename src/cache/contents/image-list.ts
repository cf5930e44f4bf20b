/**
 * The stored images in order, a page at a time: repository by repository, in each the untagged ones by digest and then the
 * tags. The index keeps tags and held digests in that very order, so a page costs what it holds and memory is one
 * repository's tags. An image whose manifest is gone is not stored; it shows again when it is fetched again.
 */
import picomatch from 'picomatch';
import { keys, lastDigest, prefixes, repositoryFirst, tagOf } from '../../catalog/keys.js';
import type { Records } from '../../catalog/stored-records.js';
import { AppError } from '../../lib/errors.js';
import type { Page, PageRequest } from '../../lib/page.js';
import type { Repository } from '../../oci/descriptor.js';
import { isDigest, type Digest } from '../../oci/digest.js';
import { isTag, type Tag } from '../../oci/reference.js';
import type { ImageQuery, StoredImage } from './contents.js';
import type { ImageReader } from './image-reader.js';
import { formatPlatform, isNamed } from '../prefetch/platforms.js';

export interface ImageListParts {
  readonly reader: ImageReader;
  /** How often a manifest request named it. */
  readonly pullsOf: (repository: Repository, digest: Digest) => Promise<number>;
}

/** A place in the list. */
interface Row {
  readonly repository: Repository;
  /** Undefined, which comes first, for an untagged image. */
  readonly tag: Tag | undefined;
  readonly digest: Digest;
  readonly fetchedAt: number;
}

type Place = Omit<Row, 'fetchedAt'>;

export class ImageList {
  readonly #parts: ImageListParts;

  constructor(parts: ImageListParts) {
    this.#parts = parts;
  }

  /** Throws REQUEST_INVALID for a place that is none. */
  async page(query: ImageQuery, { size, after }: PageRequest): Promise<Page<StoredImage>> {
    const items: StoredImage[] = [];
    let last: Row | undefined;
    for await (const row of this.#rows(query, after === undefined ? undefined : parsePlace(after))) {
      if (last && items.length >= size) return { items, next: formatPlace(last) };
      last = row;
      const image = await this.describe(row);
      const { pulledBefore } = query;
      if (image && (pulledBefore === undefined || (image.lastPulledAt ?? 0) < pulledBefore)) items.push(image);
    }
    return { items };
  }

  /** Undefined when its manifest is not stored. */
  async describe({ repository, tag, digest, fetchedAt }: Row): Promise<StoredImage | undefined> {
    const { reader, pullsOf } = this.#parts;
    const { catalog } = reader;
    const record = await reader.record(digest);
    if (!record) return undefined;
    const pulls = await pullsOf(repository, digest);
    let size = 0;
    for await (const blob of reader.storedOf(digest)) size += blob.size;
    return {
      upstream: repository.upstream,
      repository: repository.name,
      tag,
      digest,
      mediaType: record.mediaType,
      platforms: await this.#platforms(digest),
      size,
      fetchedAt,
      lastPulledAt: pulls > 0 ? (await catalog.lastUse(repository, digest))?.at : undefined,
      pulls,
      pinned: await catalog.isPinned(repository, digest),
    };
  }

  async #platforms(digest: Digest): Promise<readonly string[]> {
    const { reader } = this.#parts;
    const manifest = await reader.manifest(digest);
    if (manifest?.kind !== 'index') {
      const platform = manifest && (await reader.platformOf(digest, manifest));
      return platform === undefined ? [] : [platform];
    }
    const platforms = new Set<string>();
    for (const child of manifest.manifests) {
      if (!isNamed(child.platform) || !(await reader.record(child.digest))) continue;
      platforms.add(formatPlatform(child.platform));
    }
    return [...platforms].sort();
  }

  async *#rows(query: ImageQuery, after: Place | undefined): AsyncIterable<Row> {
    const { records } = this.#parts.reader.catalog;
    const fits = repositoryFilter(query);
    for await (const repository of repositories(records, after?.repository)) {
      if (!fits(repository)) continue;
      const here =
        after && scopeOf(after.repository) === scopeOf(repository)
          ? { tag: after.tag, digest: after.digest }
          : undefined;
      if (here?.tag === undefined) yield* this.#untagged(repository, here?.digest);
      if (!query.untagged) yield* this.#tagged(repository, here?.tag);
    }
  }

  async *#untagged(repository: Repository, after: Digest | undefined): AsyncIterable<Row> {
    const { catalog } = this.#parts.reader;
    const { records } = catalog;
    const tagged = new Set<Digest>();
    for await (const { digest } of catalog.tags(repository)) tagged.add(digest);
    const from = after === undefined ? undefined : keys.held(after, repository);
    for await (const [key] of records.scan(prefixes.heldBy(repository), from)) {
      const digest = lastDigest(key);
      if (tagged.has(digest)) continue;
      const root = await records.get(keys.root(digest, repository));
      if (root) yield { repository, tag: undefined, digest, fetchedAt: root.at };
    }
  }

  async *#tagged(repository: Repository, after: Tag | undefined): AsyncIterable<Row> {
    const { records } = this.#parts.reader.catalog;
    const from = after === undefined ? undefined : keys.tag(repository, after);
    for await (const [key, { digest, fetchedAt }] of records.scan(prefixes.tagsOf(repository), from)) {
      yield { repository, tag: tagOf(key), digest, fetchedAt };
    }
  }
}

/** Every repository that holds anything, in order, beginning with `from`; one short scan for each. */
async function* repositories(records: Records, from: Repository | undefined): AsyncIterable<Repository> {
  let after: string | undefined = from && prefixes.heldBy(from);
  for (;;) {
    const key = await firstKey(records, after);
    if (key === undefined) return;
    const repository = repositoryFirst(key);
    yield repository;
    // Sorts after every digest, and before every longer name.
    after = `${prefixes.heldBy(repository)}~`;
  }
}

async function firstKey(records: Records, after: string | undefined): Promise<string | undefined> {
  for await (const [key] of records.scan(prefixes.held, after)) return key;
  return undefined;
}

function repositoryFilter({ upstream, repository }: ImageQuery): (repository: Repository) => boolean {
  const matches = repository === undefined ? () => true : picomatch(repository, { nonegate: true, noextglob: true });
  return (each) => (upstream === undefined || each.upstream === upstream) && matches(each.name);
}

const scopeOf = ({ upstream, name }: Repository): string => `${upstream} ${name}`;

/** None of the parts holds a space. */
const formatPlace = ({ repository, tag, digest }: Place): string => `${scopeOf(repository)} ${tag ?? ''} ${digest}`;

function parsePlace(text: string): Place {
  const [upstream = '', name = '', tag = '', digest = '', ...more] = text.split(' ');
  if (more.length > 0 || !isDigest(digest) || (tag !== '' && !isTag(tag))) {
    throw new AppError('REQUEST_INVALID', 'the page token does not belong to a list of images');
  }
  return { repository: { upstream, name }, tag: tag === '' ? undefined : tag, digest };
}
