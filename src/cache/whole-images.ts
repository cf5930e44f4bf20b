/**
 * Makes an image whole offline: when a manifest is stored, those of its children that are here already but not linked to its
 * repository are asked for upstream, in the background. Without this a later pull would need upstream just to learn
 * that it may have bytes which lie in the store.
 */
import { LRUCache } from 'lru-cache';
import type { Catalog } from '../catalog/catalog.js';
import { Semaphore } from '../lib/async.js';
import { isAppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import type { Descriptor, Repository } from '../oci/descriptor.js';
import { isManifestType } from '../oci/media-types.js';
import type { Access, Ask } from './access.js';
import { isNoAnswer, type UpstreamEntry } from './upstream-entry.js';

const AT_ONCE = 4;

/** More unlinked children than this are left to the pulls that want them. */
const MOST_WAITING = 10_000;

export class WholeImages {
  readonly #catalog: Catalog;
  readonly #access: Access;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  readonly #slots = new Semaphore(AT_ONCE);
  readonly #waiting = new LRUCache<string, true>({ max: MOST_WAITING });

  constructor(parts: {
    readonly catalog: Catalog;
    readonly access: Access;
    readonly log: Logger;
    readonly signal: AbortSignal;
  }) {
    this.#catalog = parts.catalog;
    this.#access = parts.access;
    this.#log = parts.log;
    this.#signal = parts.signal;
  }

  /** Returns at once. */
  link(entry: UpstreamEntry, repository: Repository, children: readonly Descriptor[]): void {
    for (const child of children) {
      const key = `${repository.upstream} ${repository.name} ${child.digest}`;
      if (this.#waiting.has(key) || this.#waiting.size >= MOST_WAITING) continue;
      this.#waiting.set(key, true);
      this.#slots
        .run(() => this.#linkOne(entry, repository, child))
        .catch((error: unknown) => {
          if (!isNoAnswer(error) && !isAppError(error, 'DENIED') && !this.#signal.aborted)
            this.#log.warn({ digest: child.digest, err: error }, 'child not linked');
        })
        .finally(() => this.#waiting.delete(key));
    }
  }

  async #linkOne(entry: UpstreamEntry, repository: Repository, child: Descriptor): Promise<void> {
    if (this.#signal.aborted || !(await this.#catalog.blob(child.digest))) return;
    const { name } = repository;
    const { digest } = child;
    const ask: Ask = isManifestType(child.mediaType)
      ? (signal) => entry.upstream.resolve(name, digest, { signal })
      : async (signal) => ((await entry.upstream.statBlob(name, digest, { signal })) ? {} : undefined);
    await this.#access.check(entry, repository, digest, ask, this.#signal);
  }
}
