/**
 * From a reference to all that belongs to it: the manifests and blobs of the platforms that are meant, and what was asked
 * for beside them. The walk only decides; where manifests come from, and whether anything is kept, is its source's to say,
 * so that a job, a dry run and the question whether an image is whole all mean the same blobs.
 */
import { AppError, isAppError } from '../../lib/errors.js';
import type { Descriptor } from '../../oci/descriptor.js';
import { digestAlgorithm, digestHex, type Digest } from '../../oci/digest.js';
import type { ParsedManifest, Platform, PlatformDescriptor } from '../../oci/manifest.js';
import { isIndexType, isManifestType } from '../../oci/media-types.js';
import { parseTag, type TagOrDigest } from '../../oci/reference.js';
import {
  attestedBy,
  formatPlatform,
  isNamed,
  lackingPlatforms,
  meansPlatform,
  platformUnknown,
  wantedPlatforms,
} from './platforms.js';
import type { PrefetchSpec } from './prefetch.js';

export interface FoundManifest {
  readonly descriptor: Descriptor;
  readonly manifest: ParsedManifest;
}

export interface WalkSource {
  /** Undefined when it is not to be had and the source has taken note of that. `known`: what its parent says of it. */
  manifest(reference: TagOrDigest, known?: Descriptor): Promise<FoundManifest | undefined>;
  /** An image's configuration; undefined when it is not to be had without more ado. */
  config(descriptor: Descriptor): Promise<Buffer | undefined>;
  referrers(subject: Digest): Promise<readonly Descriptor[]>;
}

/** What of an image is meant. `all` of PlatformChoice is `platforms` undefined. */
export type WalkWish = Omit<PrefetchSpec, 'images'> & { readonly host: string };

export interface Walked {
  /** Undefined when the source does not have even the first manifest. */
  readonly digest: Digest | undefined;
  readonly platforms: readonly string[];
  /** Each once. */
  readonly manifests: readonly Descriptor[];
  /** Configs, layers and other blobs, each once. */
  readonly blobs: readonly Descriptor[];
}

/** PROTOCOL's limits on indexes. */
const MAX_DEPTH = 4;
const MAX_MANIFESTS = 10_000;

/** What cosign hangs on an image. Source: cosign, specs/SIGNATURE_SPEC.md. */
const COSIGN_SUFFIXES = ['sig', 'att', 'sbom'];

/** Throws PLATFORM_UNKNOWN, UNSUPPORTED, UPSTREAM_INVALID, and what the source throws. `name` is for messages. */
export async function walkImage(
  source: WalkSource,
  reference: TagOrDigest,
  name: string,
  wish: WalkWish,
): Promise<Walked> {
  const walk = new Walk(source, name, wish);
  const root = await walk.root(reference);
  if (root) await walk.companions(root);
  const platforms = [...walk.platforms].sort();
  return { digest: root, platforms, manifests: [...walk.manifests.values()], blobs: [...walk.blobs.values()] };
}

class Walk {
  readonly manifests = new Map<Digest, Descriptor>();
  readonly blobs = new Map<Digest, Descriptor>();
  readonly platforms = new Set<string>();
  /** Every platform that was seen, meant or not. */
  readonly #there: Platform[] = [];
  readonly #chosen = new Set<Digest>();
  readonly #attestations: PlatformDescriptor[] = [];
  readonly #source: WalkSource;
  readonly #name: string;
  readonly #wish: WalkWish;
  readonly #wanted: readonly string[] | undefined;
  #unseen = false;

  constructor(source: WalkSource, name: string, wish: WalkWish) {
    this.#source = source;
    this.#name = name;
    this.#wish = wish;
    this.#wanted = wantedPlatforms(wish.platforms, wish.host);
  }

  async root(reference: TagOrDigest): Promise<Digest | undefined> {
    const found = await this.#visit(reference);
    if (!found) return undefined;
    if (found.manifest.kind === 'index') await this.#choose(found.manifest, 1);
    else await this.#alone(found.manifest);
    this.#chosen.add(found.descriptor.digest);
    return found.descriptor.digest;
  }

  /** Attestations, signatures and referrers of what was chosen. */
  async companions(root: Digest): Promise<void> {
    const { attestations, signatures, referrers } = this.#wish;
    const subjects = [root, ...[...this.#chosen].filter((digest) => digest !== root)];
    if (attestations) {
      for (const each of this.#attestations) {
        const subject = attestedBy(each);
        if (subject !== undefined && this.#chosen.has(subject as Digest)) await this.#visit(each.digest, each);
      }
    }
    for (const subject of subjects) {
      if (signatures) await this.#signatures(subject);
      if (!referrers) continue;
      for (const referrer of await this.#source.referrers(subject)) await this.#visit(referrer.digest, referrer);
    }
  }

  async #visit(reference: TagOrDigest, known?: Descriptor): Promise<FoundManifest | undefined> {
    const found = await this.#source.manifest(reference, known);
    if (!found) return undefined;
    const { descriptor, manifest } = found;
    if (manifest.kind === 'schema1') {
      throw new AppError('UNSUPPORTED', `${this.#name} is a schema 1 image, which does not tell what it consists of`);
    }
    this.manifests.set(descriptor.digest, descriptor);
    if (this.manifests.size > MAX_MANIFESTS) {
      throw new AppError('UPSTREAM_INVALID', `${this.#name} consists of more than ${MAX_MANIFESTS} manifests`);
    }
    if (manifest.kind !== 'index') {
      for (const child of manifest.children) this.blobs.set(child.digest, child);
    }
    return found;
  }

  /** An image that stands alone says in its configuration only what it is for; that matters when somebody was exact. */
  async #alone(manifest: ParsedManifest): Promise<void> {
    const exact = this.#wish.platforms.platforms.length > 0 && this.#wanted !== undefined;
    if (!manifest.config || manifest.kind !== 'image') return;
    const bytes = await this.#source.config(manifest.config);
    const platform = bytes && platformOf(bytes);
    if (!platform) return;
    this.platforms.add(formatPlatform(platform));
    const lacking = exact ? lackingPlatforms(this.#wanted, [platform]) : [];
    if (lacking.length > 0) throw platformUnknown(this.#name, lacking, [formatPlatform(platform)]);
  }

  async #choose(index: ParsedManifest, depth: number): Promise<void> {
    await this.#children(index, depth);
    // What could not be looked into may hold it.
    if (depth > 1 || this.#wanted === undefined || this.#unseen) return;
    const lacking = this.#there.length > 0 ? lackingPlatforms(this.#wanted, this.#there) : [];
    if (lacking.length === 0) return;
    throw platformUnknown(this.#name, lacking, [...new Set(this.#there.map(formatPlatform))].sort());
  }

  async #children(index: ParsedManifest, depth: number): Promise<void> {
    const images = index.manifests.filter((each) => attestedBy(each) === undefined);
    this.#attestations.push(...index.manifests.filter((each) => attestedBy(each) !== undefined));
    // An index that names no platform at all is no choice, but one thing in several parts.
    const choice = images.some(({ platform }) => isNamed(platform));
    for (const each of images) {
      const { platform } = each;
      const named = isNamed(platform);
      if (named) this.#there.push(platform);
      const nested = isIndexType(each.mediaType) && !named;
      const wanted = this.#wanted;
      const meant =
        wanted === undefined || nested || (named ? wanted.some((one) => meansPlatform(one, platform)) : !choice);
      if (meant) await this.#child(each, named ? platform : undefined, depth);
    }
  }

  async #child(each: PlatformDescriptor, platform: Platform | undefined, depth: number): Promise<void> {
    if (this.manifests.has(each.digest)) return;
    if (platform) this.platforms.add(formatPlatform(platform));
    if (!isManifestType(each.mediaType)) {
      this.blobs.set(each.digest, each);
      return;
    }
    const found = await this.#visit(each.digest, each);
    this.#chosen.add(each.digest);
    if (!found) this.#unseen = true;
    if (found?.manifest.kind !== 'index') return;
    if (depth >= MAX_DEPTH) throw new AppError('UPSTREAM_INVALID', `${this.#name} nests indexes too deep`);
    await this.#choose(found.manifest, depth + 1);
  }

  async #signatures(subject: Digest): Promise<void> {
    for (const suffix of COSIGN_SUFFIXES) {
      const tag = `${digestAlgorithm(subject)}-${digestHex(subject)}.${suffix}`;
      if (tag.length > 128) continue;
      try {
        await this.#visit(parseTag(tag));
      } catch (error) {
        // Most images have none.
        if (!isAppError(error, 'MANIFEST_UNKNOWN')) throw error;
      }
    }
  }
}

/** Undefined for a configuration that is none of an image. */
function platformOf(config: Buffer): Platform | undefined {
  let value: unknown;
  try {
    value = JSON.parse(config.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('os' in value) || !('architecture' in value)) return undefined;
  const { os, architecture } = value;
  if (typeof os !== 'string' || typeof architecture !== 'string' || os === '' || architecture === '') return undefined;
  const variant = 'variant' in value && typeof value.variant === 'string' ? value.variant : '';
  return { os, architecture, ...(variant !== '' && { variant }) };
}
