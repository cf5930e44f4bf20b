/**
 * The note beside a spool's data file that lets a later process go on with it: whose bytes they are, and up to which
 * offset they were on the disk, with the digest of all bytes before it. It is itself never fsynced: a torn or stale note does
 * not agree with the data, and then both are dropped.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { digestAlgorithm, isDigest, type Digest } from '../oci/digest.js';

export interface Sidecar {
  readonly upstream: string;
  readonly digest: Digest;
  /** Of the whole blob, when known. */
  readonly size: number | undefined;
  /** Bytes that were synced. */
  readonly offset: number;
  /** Digest of the first `offset` bytes, with the algorithm of `digest`. */
  readonly prefix: Digest;
  /** Milliseconds since the epoch. */
  readonly keptAt: number;
}

export const sidecarPath = (dataPath: string): string => `${dataPath}.json`;

/** Atomic: what is there afterwards is the old note or the new one. */
export async function writeSidecar(dataPath: string, sidecar: Sidecar): Promise<void> {
  const path = sidecarPath(dataPath);
  const next = `${path}.tmp`;
  try {
    await writeFile(next, JSON.stringify(sidecar), { mode: 0o600 });
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}

/** Undefined when there is none or it makes no sense. */
export async function readSidecar(dataPath: string): Promise<Sidecar | undefined> {
  try {
    return parse(JSON.parse(await readFile(sidecarPath(dataPath), 'utf8')));
  } catch {
    return undefined;
  }
}

function parse(value: unknown): Sidecar | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { upstream, digest, size, offset, prefix, keptAt } = value as Record<string, unknown>;
  if (typeof upstream !== 'string' || typeof digest !== 'string' || typeof prefix !== 'string') return undefined;
  if (!isDigest(digest) || !isDigest(prefix) || digestAlgorithm(digest) !== digestAlgorithm(prefix)) return undefined;
  if (!isCount(offset) || !isCount(keptAt) || !(size === undefined || isCount(size))) return undefined;
  return { upstream, digest, size, offset, prefix, keptAt };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
