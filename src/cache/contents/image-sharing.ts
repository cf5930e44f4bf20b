/** Which other images have a blob: up from it along the edges, to the roots. */
import type { Catalog } from '../../catalog/catalog.js';
import { digestsOf } from '../../catalog/edges.js';
import { prefixes } from '../../catalog/keys.js';
import type { Root } from '../../catalog/records.js';
import type { Repository } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import type { Tag } from '../../oci/reference.js';
import { referenceTo } from './image-reader.js';

/** References named for one blob. */
const MOST_NAMED = 20;

export interface Sharing {
  readonly sharedWith: readonly string[];
  readonly sharedCount: number;
}

/** For one look at one image: what it learns it keeps. */
export class ImageSharing {
  readonly #catalog: Catalog;
  readonly #own: string | undefined;
  readonly #signal: AbortSignal;
  /** The images that a manifest belongs to. */
  readonly #above = new Map<Digest, readonly Root[]>();
  readonly #tags = new Map<string, ReadonlyMap<Digest, Tag>>();

  constructor(catalog: Catalog, own: Pick<Root, 'repository' | 'digest'> | undefined, signal: AbortSignal) {
    this.#catalog = catalog;
    this.#own = own && nameOf(own);
    this.#signal = signal;
  }

  async of(blob: Digest): Promise<Sharing> {
    const images = new Map<string, Root>();
    for await (const manifest of digestsOf(this.#catalog.records, prefixes.parentsOf(blob))) {
      this.#signal.throwIfAborted();
      for (const root of await this.imagesOf(manifest)) images.set(nameOf(root), root);
    }
    if (this.#own !== undefined) images.delete(this.#own);
    const named = await Promise.all([...images.values()].slice(0, MOST_NAMED).map((root) => this.referenceOf(root)));
    return { sharedWith: named.sort(), sharedCount: images.size };
  }

  /** The images that it belongs to, and those that it is itself. Edges form no cycles, so this ends. */
  async imagesOf(manifest: Digest): Promise<readonly Root[]> {
    const known = this.#above.get(manifest);
    if (known) return known;
    const images = new Map<string, Root>();
    for await (const root of this.#catalog.roots(manifest)) images.set(nameOf(root), root);
    for await (const parent of digestsOf(this.#catalog.records, prefixes.parentsOf(manifest))) {
      for (const root of await this.imagesOf(parent)) images.set(nameOf(root), root);
    }
    const found = [...images.values()];
    this.#above.set(manifest, found);
    return found;
  }

  async referenceOf(root: Root): Promise<string> {
    const { repository, digest } = root;
    return referenceTo({ repository, digest, tag: (await this.#tagsIn(repository)).get(digest) });
  }

  /** The first tag that points to each digest. */
  async #tagsIn(repository: Repository): Promise<ReadonlyMap<Digest, Tag>> {
    const scope = `${repository.upstream} ${repository.name}`;
    const known = this.#tags.get(scope);
    if (known) return known;
    const tags = new Map<Digest, Tag>();
    for await (const { digest, tag } of this.#catalog.tags(repository)) if (!tags.has(digest)) tags.set(digest, tag);
    this.#tags.set(scope, tags);
    return tags;
  }
}

const nameOf = ({ repository: { upstream, name }, digest }: Pick<Root, 'repository' | 'digest'>): string =>
  `${upstream} ${name} ${digest}`;
