/**
 * The images that upstream has, for the workload to pull: small and large layers, some shared by several images, some of
 * several platforms. One seed gives the same bytes on every run.
 */
import type { FakeRegistry } from '../../support/fake-registry.js';
import { makeImage, makeIndex, type Content, type Image, type MultiPlatformImage } from '../../support/images.js';
import type { Random } from './random.js';

export interface Shelved {
  readonly repository: string;
  readonly tag: string;
  /** What a client fetches after the tag's manifest: for an index, its images' manifests. */
  readonly images: readonly Image[];
  /** Every digest that belongs to it, and its own. */
  readonly digests: readonly string[];
}

/** The tag that moves, in each repository. */
export const MOVING = 'latest';

export class Library {
  /** What upstream has. */
  readonly shelf: readonly Shelved[];
  /** What it has not: only an import brings it. */
  readonly imported: Shelved;
  /** Which manifests name a blob. */
  readonly #parents = new Map<string, Set<string>>();
  readonly #contents: ReadonlyMap<string, Content>;
  /** Everything that a tag was ever pointed at. */
  readonly #tagged = new Map<string, Set<string>>();

  private constructor(shelf: readonly Shelved[], imported: Shelved, contents: ReadonlyMap<string, Content>) {
    this.shelf = shelf;
    this.imported = imported;
    this.#contents = contents;
    for (const { repository, tag, digests, images } of this.all) {
      this.#point(repository, tag, digests[0]!);
      for (const { digest, blobs } of images) {
        for (const blob of blobs) {
          this.#parents.set(blob.digest, new Set([...(this.#parents.get(blob.digest) ?? []), digest]));
        }
      }
    }
  }

  get all(): readonly Shelved[] {
    return [...this.shelf, this.imported];
  }

  /** Pushes `count` images to the registry. */
  static fill(registry: FakeRegistry, random: Random, count = 16): Library {
    const contents = new Map<string, Content>();
    const shelf: Shelved[] = [];
    const shelve = (repository: string, tag: string, top: Image | MultiPlatformImage): Shelved => {
      const images = 'images' in top ? top.images : [top];
      const all: readonly Content[] = [top, ...images, ...images.flatMap((image) => image.blobs)];
      for (const each of all) contents.set(each.digest, each);
      return { repository, tag, images, digests: [...new Set(all.map(({ digest }) => digest as string))] };
    };
    let layers: readonly number[] = [];
    for (let n = 0; n < count; n++) {
      const [repository, tag] = [`team/app-${n % 5}`, `v${n}`];
      // Every fourth image has the layers of the one before it, in another repository.
      if (n % 4 !== 3) layers = Array.from({ length: random.between(1, 5) }, () => layerSize(random));
      const seed = `${random.next()}`;
      const top = n % 4 === 0 ? makeIndex({ seed, layers }) : makeImage({ seed: `${n >> 1}`, layers, extra: { n } });
      registry.push(repository, top, tag);
      shelf.push(shelve(repository, tag, top));
    }
    const brought = makeImage({ seed: `${random.next()}`, layers: [30_000, 400_000] });
    return new Library(shelf, shelve('brought/app', 'v1', brought), contents);
  }

  /** The only right bytes. */
  bytes(digest: string): Buffer {
    const content = this.#contents.get(digest);
    if (!content) throw new Error(`no image has ${digest}`);
    return content.bytes;
  }

  /** The manifests that name this blob. */
  parentsOf(digest: string): ReadonlySet<string> {
    return this.#parents.get(digest) ?? new Set();
  }

  /** What images with these digests are made of. */
  reachableFrom(tops: ReadonlySet<string>): ReadonlySet<string> {
    const reachable = new Set(tops);
    for (const { digests, images } of this.all) {
      if (tops.has(digests[0]!)) for (const digest of digests) reachable.add(digest);
      for (const { digest, blobs } of images)
        if (tops.has(digest)) for (const blob of blobs) reachable.add(blob.digest);
    }
    return reachable;
  }

  /** Points `latest` of one repository at another of its images. */
  moveTag(registry: FakeRegistry, random: Random): void {
    const { repository, digests } = random.pick(this.shelf);
    registry.tag(repository, MOVING, { digest: digests[0]! });
    this.#point(repository, MOVING, digests[0]!);
  }

  digestsOf(repository: string, tag: string): ReadonlySet<string> {
    return this.#tagged.get(`${repository}:${tag}`) ?? new Set();
  }

  isManifest(digest: string): boolean {
    const mediaType = this.#contents.get(digest)?.mediaType ?? '';
    return /manifest|index/.test(mediaType);
  }

  #point(repository: string, tag: string, digest: string): void {
    const name = `${repository}:${tag}`;
    this.#tagged.set(name, new Set([...this.digestsOf(repository, tag), digest]));
  }
}

/** Most are small, and some larger than what is held back, kept in memory, or synced at a time. */
function layerSize(random: Random): number {
  const scale = random.next();
  if (scale < 0.5) return random.between(1, 60_000);
  return scale < 0.9 ? random.between(60_000, 700_000) : random.between(700_000, 3_000_000);
}
