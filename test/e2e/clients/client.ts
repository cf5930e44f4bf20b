/** What the suite over all clients wants to know of one of them. A client has a file of its own beside this one. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client as ConfiguredClient } from '../../../src/cli/mirror-snippets.js';
import type { TaggedImage } from './images.js';

export interface Client {
  /** As the table calls it. */
  readonly name: string;
  /** `replayed` when the program itself cannot run here: its requests are sent in its place. */
  readonly tried: 'real' | 'replayed';
  /** Whose configuration it is started with: what `cistern mirror-config` prints for it. */
  readonly configuredAs: ConfiguredClient;
  /** The programs it needs. */
  readonly programs: readonly string[];
  /** Of an image for several platforms: all of them, or this machine's. */
  readonly platforms: 'all' | 'own';
  readonly keeps: Keeps;
  /** It looks for tags first, which Cistern asks upstream for each time. */
  readonly listsTags: boolean;
  start(place: Place): Promise<RunningClient>;
}

/**
 * What a client's store has after a pull: every byte as it was sent; or the config and what the layers unpacked to; or,
 * of a client that pulls no layers, manifests and configs, or only what a tag points to.
 */
export type Keeps = 'blobs' | 'unpacked' | 'manifests' | 'top manifest';

/** Where a client runs, alone, and whom it pulls through. */
export interface Place {
  /** Its own; gone after the test. */
  readonly dir: string;
  /** Of Cistern. */
  readonly url: string;
  /** What was printed. */
  readonly config: string;
}

export interface RunningClient {
  /** Empties the client's store, pulls these images, and gives what the store then has: digests computed from its bytes. */
  pull(images: readonly Reference[]): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** `docker.io/<repository>:<tag>`, taken apart. */
export interface Reference {
  readonly repository: string;
  readonly tag: string;
}

/** Stands for the tags, among the digests of what a client got. */
export const TAGS = 'the tags';

export const nameOf = ({ repository, tag }: Reference): string => `docker.io/${repository}:${tag}`;

/** What a client asks for when it pulls this image. */
export function wantedBy({ platforms, keeps }: Client, { top, images, own }: TaggedImage): readonly string[] {
  if (keeps === 'top manifest') return [top.digest];
  const wanted = platforms === 'all' ? images : [own];
  const blobs = wanted.flatMap((image) => (keeps === 'manifests' ? [image.config] : image.blobs));
  return [...new Set([top, ...wanted, ...blobs].map(({ digest }) => digest))];
}

/** What its store has then. */
export const keptBy = (client: Client, image: TaggedImage): readonly string[] =>
  client.keeps === 'unpacked' ? [image.own.config.digest, ...image.own.diffIds] : wantedBy(client, image);

export const nothingToStop = (): Promise<void> => Promise.resolve();

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

/** Of every file below a directory whose path `wanted` takes. */
export async function digestsOfFiles(
  dir: string,
  wanted: (name: string) => boolean = () => true,
): Promise<readonly string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return await Promise.all(files.filter(wanted).map(digestOfFile));
}
