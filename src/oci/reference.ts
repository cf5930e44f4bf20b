/**
 * Names of images: what people type (`nginx`, `ghcr.io/org/app:1@sha256:…`) and what the protocol carries.
 * Grammar: OCI distribution specification "Pulling manifests", and the docker reference grammar for whole references.
 * Every parser either returns a value of that grammar or throws an AppError NAME_INVALID, TAG_INVALID or DIGEST_INVALID;
 * none quotes more than the first 100 characters of what it was given.
 */
import { AppError } from '../lib/errors.js';
import { parseDigest, type Digest } from './digest.js';

declare const tagBrand: unique symbol;

/** At most 128 characters. Only `parseTag` makes one. */
export type Tag = string & { readonly [tagBrand]: true };

export type TagOrDigest = Tag | Digest;

export interface ImageReference {
  /** The registry's host, with a port if it was given one; `docker.io` for Docker Hub under any of its names. */
  readonly upstream: string;
  readonly repository: string;
  /** `latest` when the text had neither tag nor digest. */
  readonly tag?: Tag | undefined;
  /** Wins over the tag when both are there. */
  readonly digest?: Digest | undefined;
}

const DOCKER_HUB = 'docker.io';
const DOCKER_HUB_HOSTS: ReadonlySet<string> = new Set(['index.docker.io', 'registry-1.docker.io', DOCKER_HUB]);
/** Of `host/name` in a reference, and of a name alone. */
const MAX_NAME = 255;

const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const HOST =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?$/;
/** What `docker images` prints as an ID: taking it for a name would ask Docker Hub for somebody's private image. */
const IMAGE_ID = /^[a-f0-9]{64}$/;

export const isTag = (text: string): text is Tag => TAG.test(text);

/** What is kept beside an image under a tag made of its digest: cosign's signatures, and referrers where there is no API. */
export const isCompanionTag = (tag: string): boolean => /^sha(?:256|512)-[0-9a-f]{32}/.test(tag);

export function parseTag(text: string): Tag {
  if (!isTag(text)) throw new AppError('TAG_INVALID', `${quote(text)} is no tag`);
  return text;
}

/** What stands last in `/v2/<name>/manifests/…`. No tag holds a colon, so text with one was meant as a digest. */
export const parseTagOrDigest = (text: string): TagOrDigest =>
  text.includes(':') ? parseDigest(text) : parseTag(text);

export function parseRepositoryName(text: string): string {
  if (text.length > MAX_NAME || !NAME.test(text)) {
    throw new AppError('NAME_INVALID', `${quote(text)} is no repository name`);
  }
  return text;
}

/** Whether `text` may name a registry: a host name or address, with or without a port. */
export const isHost = (text: string): boolean => text.length <= MAX_NAME && HOST.test(text);

/**
 * Whether the first part of a path is meant as a host and not as the beginning of a repository's name. Repository names
 * have no upper-case letters, so one with them can only be a host.
 */
export const looksLikeHost = (part: string): boolean => part === 'localhost' || /[.:A-Z]/.test(part);

/** Lower case, and one name for Docker Hub. A host that only its upper case tells from a name keeps it. */
export function normaliseHost(host: string): string {
  const lower = host.toLowerCase();
  if (DOCKER_HUB_HOSTS.has(lower)) return DOCKER_HUB;
  return looksLikeHost(lower) ? lower : host;
}

/** `nginx` under docker.io is `library/nginx`; every other name is what it is. */
export const normaliseRepository = (upstreamName: string, name: string): string =>
  upstreamName === DOCKER_HUB && !name.includes('/') ? `library/${name}` : name;

export function parseImageReference(text: string): ImageReference {
  if (IMAGE_ID.test(text)) {
    throw new AppError(
      'NAME_INVALID',
      `${quote(text)} is an image ID, not a name; with "@sha256:" before it, it is a digest`,
    );
  }
  const [beforeDigest, digestText] = cut(text, text.indexOf('@'));
  // A colon before the last slash belongs to the host's port.
  const colon = beforeDigest.indexOf(':', beforeDigest.lastIndexOf('/') + 1);
  const [name, tagText] = cut(beforeDigest, colon);

  const [first, rest] = cut(name, name.indexOf('/'));
  const hasHost = rest !== undefined && looksLikeHost(first);
  if (hasHost && !isHost(first))
    throw new AppError('NAME_INVALID', `${quote(first)} is no registry host, in ${quote(text)}`);
  const upstream = hasHost ? normaliseHost(first) : DOCKER_HUB;
  const repository = normaliseRepository(upstream, parseRepositoryName(hasHost ? rest : name));
  if (upstream.length + 1 + repository.length > MAX_NAME) {
    throw new AppError('NAME_INVALID', `${quote(text)} is too long; host and name have ${MAX_NAME} characters at most`);
  }

  const digest = digestText === undefined ? undefined : parseDigest(digestText);
  const tag = tagText === undefined ? (digest === undefined ? parseTag('latest') : undefined) : parseTag(tagText);
  return { upstream, repository, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** The full form, which `parseImageReference` reads back. */
export const formatImageReference = ({ upstream, repository, tag, digest }: ImageReference): string =>
  `${upstream}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;

function cut(text: string, at: number): readonly [before: string, after: string | undefined] {
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

const quote = (text: string): string => JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
