/**
 * The images that upstream has, for the workload to pull: small and large layers, some shared by several images, some of
 * several platforms. One seed gives the same bytes on every run.
 */
import type { FakeRegistry } from '../../support/fake-registry.js';
import { makeImage, makeIndex, type Content, type Image } from '../../support/images.js';
import type { Random } from './random.js';

export interface Shelved {
  readonly repository: string;
  readonly tag: string;
  /** What a client fetches after the tag's manifest: for an index, its images' manifests. */
  readonly images: readonly Image[];
  /** Every digest that belongs to it, and its own. */
  readonly digests: readonly string[];
}

export class Library {
  readonly shelf: readonly Shelved[];
  readonly #contents: ReadonlyMap<string, Content>;
  /** Everything that a tag was ever pointed at. */
  readonly #tagged = new Map<string, Set<string>>();

  private constructor(shelf: readonly Shelved[], contents: ReadonlyMap<string, Content>) {
    this.shelf = shelf;
    this.#contents = contents;
    for (const { repository, tag, digests } of shelf) this.#point(repository, tag, digests[0]!);
  }

  /** Pushes `count` images to the registry. */
  static fill(registry: FakeRegistry, random: Random, count = 16): Library {
    const contents = new Map<string, Content>();
    const shelf: Shelved[] = [];
    for (let n = 0; n < count; n++) {
      const [repository, tag] = [`team/app-${n % 5}`, `v${n}`];
      const layers = Array.from({ length: random.between(1, 5) }, () => layerSize(random));
      // Half of the images share their layers with the one of the same number in another repository.
      const seed = `${random.next()}`;
      const top = n % 4 === 0 ? makeIndex({ seed, layers }) : makeImage({ seed: `${n >> 1}`, layers, extra: { n } });
      registry.push(repository, top, tag);
      const images = 'images' in top ? top.images : [top];
      const all: readonly Content[] = [top, ...images, ...images.flatMap((image) => image.blobs)];
      for (const each of all) contents.set(each.digest, each);
      shelf.push({ repository, tag, images, digests: [...new Set(all.map(({ digest }) => digest as string))] });
    }
    return new Library(shelf, contents);
  }

  /** The only right bytes. */
  bytes(digest: string): Buffer {
    const content = this.#contents.get(digest);
    if (!content) throw new Error(`no image has ${digest}`);
    return content.bytes;
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
