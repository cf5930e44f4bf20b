/**
 * Content digests: the name and the proof of every stored byte.
 * Grammar: OCI image specification, descriptor.md "Digests"; only the two registered algorithms are accepted.
 */
import { createHash, type Hash } from 'node:crypto';
import { AppError } from '../lib/errors.js';

declare const digestBrand: unique symbol;

/** `sha256:<64 hex>` or `sha512:<128 hex>`, lower case. Only this file makes one. */
export type Digest = string & { readonly [digestBrand]: true };

export type DigestAlgorithm = 'sha256' | 'sha512';

const DIGEST = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

export const isDigest = (text: string): text is Digest => DIGEST.test(text);

/** Throws AppError DIGEST_INVALID; never quotes more than the first 100 characters of what it was given. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw new AppError(
      'DIGEST_INVALID',
      `"${text.slice(0, 100)}" is no digest; expected sha256:<64 hex> or sha512:<128 hex>`,
    );
  }
  return text;
}

export const digestAlgorithm = (digest: Digest): DigestAlgorithm =>
  digest.startsWith('sha256:') ? 'sha256' : 'sha512';

export const digestHex = (digest: Digest): string => digest.slice(digest.indexOf(':') + 1);

export const newHash = (digest: Digest): Hash => createHash(digestAlgorithm(digest));

/** Ends the hash. */
export const digestOfHash = (algorithm: DigestAlgorithm, hash: Hash): Digest =>
  parseDigest(`${algorithm}:${hash.digest('hex')}`);

export const digestOf = (bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest =>
  digestOfHash(algorithm, createHash(algorithm).update(bytes));

/** The digests of zero bytes: always known, never fetched. */
export const isEmptyDigest = (digest: Digest): boolean => digest === EMPTY[digestAlgorithm(digest)];

const EMPTY: Record<DigestAlgorithm, Digest> = {
  sha256: digestOf(new Uint8Array(), 'sha256'),
  sha512: digestOf(new Uint8Array(), 'sha512'),
};
