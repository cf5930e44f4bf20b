/**
 * What a manifest says: its kind and what it refers to. The bytes are stored and served as they came; this reads them
 * once, to know which blobs belong together. They come from an upstream, so nothing in them is trusted: every limit is
 * checked, every field is copied by its name, and whatever is wrong is one AppError UPSTREAM_INVALID.
 * Source: OCI image specification manifest.md and image-index.md; docker image manifest v2 schemas 1 and 2.
 */
import { AppError } from '../lib/errors.js';
import type { Descriptor } from './descriptor.js';
import { isDigest, type Digest } from './digest.js';
import {
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  isForeignLayerType,
  isImageType,
  isIndexType,
  isManifestType,
  isSchema1Type,
  mediaTypeOf,
  OCI_IMAGE,
  OCI_INDEX,
  OCTET_STREAM,
} from './media-types.js';

/** Bytes. Clients reject larger ones too. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** Of everything a manifest names, before duplicates are removed. */
export const MAX_MANIFEST_CHILDREN = 10_000;
const MAX_DEPTH = 32;

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
}

export interface PlatformDescriptor extends Descriptor {
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ParsedManifest {
  /** The Content-Type it was parsed as, without parameters. */
  readonly mediaType: string;
  readonly kind: 'image' | 'index' | 'schema1' | 'other';
  /**
   * All that must be stored for this to be whole: config, layers and blobs, or an index's manifests. Each digest once;
   * no foreign layers, and never the subject. Empty for schema 1, which does not tell sizes.
   */
  readonly children: readonly Descriptor[];
  /** What this is a referrer of. */
  readonly subject?: Digest;
  /** An index's, as listed; else empty. */
  readonly manifests: readonly PlatformDescriptor[];
  readonly config?: Descriptor;
  /** An image's, as listed: with duplicates and foreign layers. Fetch `children`. */
  readonly layers: readonly Descriptor[];
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

type Json = Readonly<Record<string, unknown>>;

/** `mediaType` is the Content-Type that came with the bytes. Throws AppError UPSTREAM_INVALID and nothing else. */
export function parseManifest(bytes: Buffer, mediaType: string): ParsedManifest {
  return parsed(parseObject(bytes), mediaTypeOf(mediaType));
}

function parsed(body: Json, type: string): ParsedManifest {
  const said = body['mediaType'];
  if (isPresent(said) && said !== type) {
    throw invalid(`it says it is ${show(said)} but came as ${show(type)}`);
  }
  if (isSchema1Type(type)) return { mediaType: type, kind: 'schema1', children: [], manifests: [], layers: [] };

  const kind = isImageType(type) ? 'image' : isIndexType(type) ? 'index' : 'other';
  refuseAmbiguous(body, kind);
  const count = { left: MAX_MANIFEST_CHILDREN };
  const manifests = list(body, 'manifests', count).map((entry, i) => platformDescriptor(entry, `manifests[${i}]`));
  const layers = list(body, 'layers', count).map((entry, i) => descriptor(entry, `layers[${i}]`));
  const blobs = list(body, 'blobs', count).map((entry, i) => descriptor(entry, `blobs[${i}]`));
  const config = isPresent(body['config']) ? descriptor(body['config'], 'config') : undefined;
  const subject = isPresent(body['subject']) ? descriptor(body['subject'], 'subject').digest : undefined;
  const artifactType = text(body['artifactType']);
  const annotations = strings(body['annotations']);

  const stored = layers.filter((layer) => !isForeignLayerType(layer.mediaType));
  return {
    mediaType: type,
    kind,
    children: unique([...(config ? [config] : []), ...stored, ...blobs, ...manifests]),
    ...(subject !== undefined && { subject }),
    manifests,
    ...(config && { config }),
    layers,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations && { annotations }),
  };
}

/**
 * A guess at the media type of stored bytes whose Content-Type was lost; undefined when they are no manifest. OCI makes
 * `mediaType` optional in the body while docker's schema 2 requires it, so a body without it is OCI's. Never throws.
 */
export const sniffManifest = (bytes: Buffer): string | undefined => sniffed(bytes, (_, type) => type);

/** The same bytes, parsed as what they seem to be; undefined when they are no manifest after all. */
export const parseStored = (bytes: Buffer): ParsedManifest | undefined => sniffed(bytes, parsed);

function sniffed<T>(bytes: Buffer, use: (body: Json, type: string) => T): T | undefined {
  if (bytes[0] !== 0x7b) return undefined;
  try {
    const body = parseObject(bytes);
    const type = typeOf(body);
    return type === undefined ? undefined : use(body, type);
  } catch {
    return undefined;
  }
}

function typeOf(body: Json): string | undefined {
  const said = body['mediaType'];
  if (isPresent(said)) return typeof said === 'string' && isManifestType(said) ? said : undefined;
  if (body['schemaVersion'] === 1 && Array.isArray(body['fsLayers'])) {
    return Array.isArray(body['signatures']) ? DOCKER_SCHEMA1_SIGNED : DOCKER_SCHEMA1;
  }
  if (body['schemaVersion'] !== 2) return undefined;
  if (Array.isArray(body['manifests'])) return OCI_INDEX;
  return isObject(body['config']) && Array.isArray(body['layers']) ? OCI_IMAGE : undefined;
}

function parseObject(bytes: Buffer): Json {
  if (bytes.length > MAX_MANIFEST_BYTES)
    throw invalid(`it has ${bytes.length} bytes; ${MAX_MANIFEST_BYTES} are allowed`);
  if (depthOf(bytes) > MAX_DEPTH) throw invalid(`it is nested more than ${MAX_DEPTH} levels deep`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw invalid('it is not JSON', error);
  }
  if (!isObject(value)) throw invalid('it is not a JSON object');
  return value;
}

/** Of brackets outside strings; counted before parsing, so that what is parsed is bounded. Need not be JSON. */
function depthOf(bytes: Buffer): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b || byte === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return deepest;
}

/**
 * One digest, two readings: bytes that are an index to one client and an image to another could smuggle content past
 * whoever checked them (CVE-2021-41190).
 */
function refuseAmbiguous(body: Json, kind: ParsedManifest['kind']): void {
  const has = (key: string) => isPresent(body[key]);
  const likeIndex = has('manifests');
  const likeImage = has('layers') || has('config') || has('fsLayers');
  if (likeIndex && likeImage) throw invalid('it has "manifests" together with "config" or "layers"');
  if (kind === 'image' && likeIndex) throw invalid('it came as an image but has "manifests"');
  if (kind === 'index' && likeImage) throw invalid('it came as an index but has "config" or "layers"');
}

function list(body: Json, key: string, count: { left: number }): readonly unknown[] {
  const value = body[key];
  if (!isPresent(value)) return [];
  if (!Array.isArray(value)) throw invalid(`"${key}" is not a list`);
  count.left -= value.length;
  if (count.left < 0) throw invalid(`it names more than ${MAX_MANIFEST_CHILDREN} blobs`);
  return value;
}

function descriptor(value: unknown, where: string): Descriptor {
  if (!isObject(value)) throw invalid(`${where} is not a descriptor`);
  const { mediaType, digest, size } = value;
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalid(`${where} has the digest ${show(digest)}`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw invalid(`${where} has the size ${show(size)}`);
  return { mediaType: text(mediaType) ?? OCTET_STREAM, digest, size };
}

function platformDescriptor(value: unknown, where: string): PlatformDescriptor {
  const plain = descriptor(value, where);
  if (!isObject(value)) return plain;
  const platform = platformOf(value['platform']);
  const annotations = strings(value['annotations']);
  return { ...plain, ...(platform && { platform }), ...(annotations && { annotations }) };
}

function platformOf(value: unknown): Platform | undefined {
  if (!isObject(value)) return undefined;
  const os = text(value['os']);
  const architecture = text(value['architecture']);
  if (os === undefined || architecture === undefined) return undefined;
  const variant = text(value['variant']);
  const osVersion = text(value['os.version']);
  return { os, architecture, ...(variant !== undefined && { variant }), ...(osVersion !== undefined && { osVersion }) };
}

/** The entries whose values are strings. `fromEntries` defines keys, so one named `__proto__` is only a key. */
function strings(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isObject(value)) return undefined;
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function unique(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  const byDigest = new Map<Digest, Descriptor>();
  for (const { mediaType, digest, size } of descriptors) {
    if (!byDigest.has(digest)) byDigest.set(digest, { mediaType, digest, size });
  }
  return [...byDigest.values()];
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Go writes an empty list as null. */
const isPresent = (value: unknown): boolean => value !== undefined && value !== null;

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const show = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 100));

const invalid = (why: string, cause?: unknown): AppError =>
  new AppError('UPSTREAM_INVALID', `a manifest from upstream is broken: ${why}`, { cause });
