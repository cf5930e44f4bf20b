/**
 * Tags that upstream resolved by HEAD and whose manifest nobody has asked for yet. containerd and docker send HEAD of the
 * tag, then GET of its digest: that GET commits the tag, which must never point to a manifest that is not stored.
 */
import { LRUCache } from 'lru-cache';
import type { Descriptor, Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import type { Tag } from '../oci/reference.js';

const MOST = 10_000;

/** What upstream said, and when. */
interface ResolvedTag extends Descriptor {
  readonly checkedAt: number;
}

interface Resolved {
  readonly repository: Repository;
  readonly tag: Tag;
  readonly record: ResolvedTag;
}

export class ResolvedTags {
  readonly #byTag = new LRUCache<string, Resolved>({ max: MOST, dispose: (resolved) => this.#unlist(resolved) });
  readonly #byDigest = new Map<string, Set<Tag>>();

  get(repository: Repository, tag: Tag): ResolvedTag | undefined {
    return this.#byTag.get(key(repository, tag))?.record;
  }

  set(repository: Repository, tag: Tag, record: ResolvedTag): void {
    this.#byTag.set(key(repository, tag), { repository, tag, record });
    const listed = key(repository, record.digest);
    this.#byDigest.set(listed, (this.#byDigest.get(listed) ?? new Set()).add(tag));
  }

  /** The tags of this repository that wait for this manifest. */
  awaiting(repository: Repository, digest: Digest): readonly Tag[] {
    return [...(this.#byDigest.get(key(repository, digest)) ?? [])];
  }

  delete(repository: Repository, tag: Tag): void {
    this.#byTag.delete(key(repository, tag));
  }

  #unlist({ repository, tag, record }: Resolved): void {
    const listed = key(repository, record.digest);
    const tags = this.#byDigest.get(listed);
    tags?.delete(tag);
    if (tags?.size === 0) this.#byDigest.delete(listed);
  }
}

const key = (repository: Repository, of: Tag | Digest): string => `${repository.upstream} ${repository.name} ${of}`;
