/**
 * The media types Cistern must tell apart, and the Accept header that asks an upstream for every kind of manifest, so that
 * a tag has one answer to keep whoever asks first. What is not listed here still passes through unchanged.
 */
const DOCKER = 'application/vnd.docker.distribution.manifest';

export const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
/** Withdrawn before OCI 1.1, but still stored by some registries. */
export const OCI_ARTIFACT = 'application/vnd.oci.artifact.manifest.v1+json';
export const DOCKER_IMAGE = `${DOCKER}.v2+json`;
export const DOCKER_LIST = `${DOCKER}.list.v2+json`;
export const DOCKER_SCHEMA1 = `${DOCKER}.v1+json`;
export const DOCKER_SCHEMA1_SIGNED = `${DOCKER}.v1+prettyjws`;
export const OCTET_STREAM = 'application/octet-stream';

const IMAGES: ReadonlySet<string> = new Set([OCI_IMAGE, DOCKER_IMAGE]);
const INDEXES: ReadonlySet<string> = new Set([OCI_INDEX, DOCKER_LIST]);
const SCHEMA1: ReadonlySet<string> = new Set([DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED]);

/** Schema 1 comes last and with a low weight: a registry that still converts must not prefer it. */
export const MANIFEST_ACCEPT: string = [
  OCI_INDEX,
  DOCKER_LIST,
  OCI_IMAGE,
  DOCKER_IMAGE,
  OCI_ARTIFACT,
  `${DOCKER_SCHEMA1_SIGNED};q=0.1`,
  `${DOCKER_SCHEMA1};q=0.1`,
  '*/*;q=0.05',
].join(', ');

export const isImageType = (mediaType: string): boolean => IMAGES.has(mediaType);

export const isIndexType = (mediaType: string): boolean => INDEXES.has(mediaType);

export const isSchema1Type = (mediaType: string): boolean => SCHEMA1.has(mediaType);

export const isManifestType = (mediaType: string): boolean =>
  IMAGES.has(mediaType) || INDEXES.has(mediaType) || SCHEMA1.has(mediaType) || mediaType === OCI_ARTIFACT;

/** Layers that a registry need not hold; their `urls` point elsewhere and are never fetched. */
export const isForeignLayerType = (mediaType: string): boolean =>
  mediaType.includes('.foreign.') || mediaType.includes('.nondistributable.');

/** A Content-Type header without its parameters. */
export const mediaTypeOf = (contentType: string): string => contentType.split(';', 1).join('').trim();
