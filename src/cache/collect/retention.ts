/**
 * Which images may go: the roots that were not pulled for long enough, or the least recently pulled ones. Only a choice:
 * whether it still holds is asked again in the turn that drops the root.
 *
 * Age is running time, so neither a clock that jumps nor a month switched off makes anything old. An image whose use is
 * not known, because a crash lost the last seconds, is as new as can be.
 */
import type { Catalog } from '../../catalog/catalog.js';
import { firstDigest, keys, prefixes } from '../../catalog/keys.js';
import type { Root, UseRecord } from '../../catalog/records.js';
import type { PagedRecords, Records } from '../../catalog/stored-records.js';
import { Breath } from '../../lib/async.js';
import type { Repository } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import type { Tag } from '../../oci/reference.js';
import { DigestSet } from './digest-set.js';

export interface Victim {
  readonly root: Root;
  readonly lastPulledAt: number;
  /** The running time when it was chosen: a use since then saves it. */
  readonly chosenAt: number;
}

export interface NamedVictim extends Victim {
  /** Those that point at it. */
  readonly tags: readonly Tag[];
}

interface Ranked extends Victim {
  /** The running time of its last use, or when it was stored again after that. */
  readonly ran: number | undefined;
}

export interface RetentionParts {
  readonly catalog: Catalog;
  /** Whether an unfinished job works on the image. */
  readonly inUse: (digest: Digest) => boolean;
}

export class Retention {
  readonly #parts: RetentionParts;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  /** Those not pulled for `retention` ms, in no order. Unless it is a `dryRun`, images without a known use age from now on. */
  async *expired(retention: number, dryRun: boolean): AsyncIterable<Victim> {
    for await (const image of this.#all()) {
      const { root, chosenAt, ran } = image;
      if (ran === undefined) {
        if (!dryRun) this.#parts.catalog.noteUse(root.repository, root.digest, root.at);
      } else if (chosenAt - ran >= retention) yield image;
    }
  }

  /** At most `most` of those that `among` accepts, the least recently pulled first. */
  async leastRecent(most: number, among: (root: Root) => boolean): Promise<readonly Victim[]> {
    let chosen: Ranked[] = [];
    const trim = () => {
      chosen = chosen.sort(olderFirst).slice(0, most);
    };
    for await (const image of this.#all()) {
      if (!among(image.root)) continue;
      chosen.push(image);
      if (chosen.length >= 2 * most) trim();
    }
    trim();
    return chosen;
  }

  async *#all(): AsyncIterable<Ranked> {
    const { catalog, inUse } = this.#parts;
    const chosenAt = catalog.runningTime;
    const { records } = catalog;
    // Children that are manifests are few among all children: asking the index about each would take as long as the sweep.
    const manifests = await digestsWith(records, prefixes.manifests);
    const pinned = await digestsWith(records, prefixes.pinned);
    const breath = new Breath();
    for await (const root of catalog.roots()) {
      if (breath.due) await breath.take();
      if (pinned.has(root.digest) || inUse(root.digest)) continue;
      const use = await this.#lastUse(root.repository, root.digest, manifests);
      const ran = use && Math.max(use.ran, await storedAt(records, root.digest));
      yield { root, chosenAt, lastPulledAt: use?.at ?? root.at, ran };
    }
  }

  /** Of the manifest or one below it. */
  async #lastUse(repository: Repository, digest: Digest, manifests: DigestSet): Promise<UseRecord | undefined> {
    const { catalog } = this.#parts;
    let latest = await catalog.useOf(repository, digest);
    for (const child of (await catalog.records.get(keys.manifest(digest)))?.children ?? []) {
      if (!manifests.has(child)) continue;
      const use = await this.#lastUse(repository, child, manifests);
      if (use && (!latest || use.ran > latest.ran)) latest = use;
    }
    return latest;
  }
}

/** Looks for the tags in each repository once, so it is to be called for many victims at a time. */
export async function named(catalog: Catalog, victims: readonly Victim[]): Promise<readonly NamedVictim[]> {
  const byRoot = new Map(victims.map((victim) => [rootKey(victim.root), { ...victim, tags: [] as Tag[] }]));
  const repositories = new Map(victims.map(({ root: { repository } }) => [scopeOf(repository), repository]));
  for (const repository of repositories.values()) {
    for await (const entry of catalog.tags(repository)) byRoot.get(rootKey(entry))?.tags.push(entry.tag);
  }
  return [...byRoot.values()];
}

/** Whether what was chosen may still go: asked in the turn that drops it, or of the index as it is for a dry run. */
export async function mayGo(parts: RetentionParts, records: Records, victim: Victim): Promise<boolean> {
  const { repository, digest } = victim.root;
  if (!(await records.get(keys.root(digest, repository)))) return false;
  for await (const _ of records.scan(prefixes.pinsOn(digest))) return false;
  const use = await parts.catalog.lastUse(repository, digest);
  const ran = Math.max(use?.ran ?? -Infinity, await storedAt(records, digest));
  return ran < victim.chosenAt && !parts.inUse(digest);
}

/**
 * Whoever stores an image may note its use later, or never: an import, or a client that has left. What a rebuild of the index
 * has found was not stored then.
 */
export async function storedAt(records: Records, digest: Digest): Promise<number> {
  const blob = await records.get(keys.blob(digest));
  return (blob?.recoveredAt === undefined ? blob?.ran : blob.ranBefore) ?? -Infinity;
}

/** One name for one root. */
export const rootKey = ({ repository, digest }: Pick<Root, 'repository' | 'digest'>): string =>
  `${digest} ${scopeOf(repository)}`;

const scopeOf = ({ upstream, name }: Repository): string => `${upstream} ${name}`;

/** Unknown is newest. */
const olderFirst = (a: Ranked, b: Ranked): number =>
  (a.ran ?? a.chosenAt) - (b.ran ?? b.chosenAt) || a.root.at - b.root.at;

async function digestsWith(records: PagedRecords, prefix: string): Promise<DigestSet> {
  const digests = new DigestSet();
  for await (const page of records.pages(prefix)) for (const [key] of page) digests.add(firstDigest(key));
  return digests;
}
