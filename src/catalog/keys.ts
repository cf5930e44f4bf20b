/**
 * The key schema. Parts are joined by a space, which no digest, repository, upstream or tag contains and which sorts before
 * all of their characters. Whatever belongs to a blob has the digest first, so that it is found, and goes, with it.
 *
 *   blob <digest>                              BlobRecord       these bytes are stored
 *   link <digest> <upstream> <repository>      LinkRecord       that repository may serve them
 *   held <upstream> <repository> <digest>      (nothing)        the same link, from the repository's side
 *   manifest <digest>                          ManifestRecord   what it names
 *   parent <child> <manifest>                  (nothing)        that manifest is stored and names the child
 *   referrer <subject> <manifest>              (nothing)        that manifest is stored and refers to the subject
 *   root <digest> <upstream> <repository>      RootRecord       somebody asked for this image by name or by digest
 *   used <digest> <upstream> <repository>      UseRecord        its last use there
 *   tag <upstream> <repository> <tag>          TagRecord        where the tag points
 *   past <upstream> <repository> <tag> <time>  PastTag          where it pointed until then
 *   pin <upstream> <repository> <reference>    PinRecord        an operator wants it kept
 *   pinned <digest> <upstream> <repository> <reference>  (nothing)  what that pin keeps at present
 *   hour <time> <upstream> <repository>        HourRecord       what was counted in the hour that begins then
 *   job <id>                                   JobRecord        a prefetch job
 *   jobimage <id> <number>                     JobImageRecord   an image of it, and how far it is
 *   jobblobs <id> <number>                     JobBlobRecord[]  what that image consists of
 *   jobrequest <request id>                    string           the job that this request made
 *   meta <name>                                epoch, rebuilding, running time, stored total, growth, last collection and
 *                                                              scrub, how far the scrub is
 *
 * New kinds of record take a new first word. The type of a key says what its value is.
 */
import type { Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import type { Tag, TagOrDigest } from '../oci/reference.js';
import type {
  BlobRecord,
  CollectionReport,
  EpochRecord,
  HourRecord,
  JobBlobRecord,
  JobImageRecord,
  JobRecord,
  LinkRecord,
  ManifestRecord,
  PastTag,
  PinRecord,
  RebuildRecord,
  RootRecord,
  ScrubReport,
  StoredSample,
  StoredTotal,
  TagRecord,
  UseRecord,
} from './records.js';

declare const valueOf: unique symbol;

/** A key whose value is a `T`. */
export type Key<T> = string & { readonly [valueOf]?: (value: T) => T };

/** What keys with values of type `T` begin with. */
export type Prefix<T> = string & { readonly [valueOf]?: (value: T) => T };

/** The value of a key that says everything by being there. */
export type Mark = 1;
export const MARK: Mark = 1;

const scope = ({ upstream, name }: Repository): string => `${upstream} ${name}`;

/** Times sort as text. */
const padded = (time: number): string => Math.max(0, Math.floor(time)).toString().padStart(15, '0');

export const keys = {
  blob: (digest: Digest): Key<BlobRecord> => `blob ${digest}`,
  link: (digest: Digest, repository: Repository): Key<LinkRecord> => `link ${digest} ${scope(repository)}`,
  held: (digest: Digest, repository: Repository): Key<Mark> => `held ${scope(repository)} ${digest}`,
  manifest: (digest: Digest): Key<ManifestRecord> => `manifest ${digest}`,
  parent: (child: Digest, manifest: Digest): Key<Mark> => `parent ${child} ${manifest}`,
  referrer: (subject: Digest, manifest: Digest): Key<Mark> => `referrer ${subject} ${manifest}`,
  root: (digest: Digest, repository: Repository): Key<RootRecord> => `root ${digest} ${scope(repository)}`,
  used: (digest: Digest, repository: Repository): Key<UseRecord> => `used ${digest} ${scope(repository)}`,
  tag: (repository: Repository, tag: Tag): Key<TagRecord> => `tag ${scope(repository)} ${tag}`,
  past: (repository: Repository, tag: Tag, until: number): Key<PastTag> =>
    `past ${scope(repository)} ${tag} ${padded(until)}`,
  pin: (repository: Repository, reference: TagOrDigest): Key<PinRecord> => `pin ${scope(repository)} ${reference}`,
  pinned: (digest: Digest, repository: Repository, reference: TagOrDigest): Key<Mark> =>
    `pinned ${digest} ${scope(repository)} ${reference}`,
  hour: (at: number, repository: Repository): Key<HourRecord> => `hour ${padded(at)} ${scope(repository)}`,
  job: (id: string): Key<JobRecord> => `job ${id}`,
  jobImage: (id: string, number: number): Key<JobImageRecord> => `jobimage ${id} ${padded(number)}`,
  jobBlobs: (id: string, number: number): Key<readonly JobBlobRecord[]> => `jobblobs ${id} ${padded(number)}`,
  /** Encoded, for a caller may put anything into a request id. */
  jobRequest: (requestId: string): Key<string> => `jobrequest ${encodeURIComponent(requestId)}`,
  epoch: 'meta epoch' as Key<EpochRecord>,
  rebuilding: 'meta rebuilding' as Key<RebuildRecord>,
  runningTime: 'meta ran' as Key<number>,
  stored: 'meta stored' as Key<StoredTotal>,
  collection: 'meta collection' as Key<CollectionReport>,
  scrub: 'meta scrub' as Key<ScrubReport>,
  scrubbed: 'meta scrubbed' as Key<Digest>,
  growth: 'meta growth' as Key<readonly StoredSample[]>,
};

/** Each but `blobsIn` ends in a space, so that no prefix finds the keys of a longer name. */
export const prefixes = {
  blobs: 'blob ' as Prefix<BlobRecord>,
  /** Of the digests that begin with `beginning`. */
  blobsIn: (beginning: string): Prefix<BlobRecord> => `blob ${beginning}`,
  manifests: 'manifest ' as Prefix<ManifestRecord>,
  links: 'link ' as Prefix<LinkRecord>,
  parents: 'parent ' as Prefix<Mark>,
  held: 'held ' as Prefix<Mark>,
  roots: 'root ' as Prefix<RootRecord>,
  uses: 'used ' as Prefix<UseRecord>,
  referrers: 'referrer ' as Prefix<Mark>,
  tags: 'tag ' as Prefix<TagRecord>,
  pins: 'pin ' as Prefix<PinRecord>,
  hours: 'hour ' as Prefix<HourRecord>,
  pinned: 'pinned ' as Prefix<Mark>,
  jobs: 'job ' as Prefix<JobRecord>,
  jobImages: (id: string): Prefix<JobImageRecord> => `jobimage ${id} `,
  jobBlobs: (id: string): Prefix<readonly JobBlobRecord[]> => `jobblobs ${id} `,
  linksOf: (digest: Digest): Prefix<LinkRecord> => `link ${digest} `,
  heldBy: (repository: Repository): Prefix<Mark> => `held ${scope(repository)} `,
  parentsOf: (child: Digest): Prefix<Mark> => `parent ${child} `,
  referrersOf: (subject: Digest): Prefix<Mark> => `referrer ${subject} `,
  rootsOf: (digest: Digest): Prefix<RootRecord> => `root ${digest} `,
  usesOf: (digest: Digest): Prefix<UseRecord> => `used ${digest} `,
  tagsOf: (repository: Repository): Prefix<TagRecord> => `tag ${scope(repository)} `,
  pastOf: (repository: Repository, tag: Tag): Prefix<PastTag> => `past ${scope(repository)} ${tag} `,
  pinsOn: (digest: Digest): Prefix<Mark> => `pinned ${digest} `,
  pinsIn: (digest: Digest, repository: Repository): Prefix<Mark> => `pinned ${digest} ${scope(repository)} `,
};

/** The parts of a key after its first word. What they are is known from the prefix that found the key. */
const parts = (key: string): readonly string[] => key.split(' ').slice(1);

const part = (key: string, index: number): string => String(parts(key)[index]);

/** `blob`, `manifest`, `link`, `parent`, `root`, `used`, `pinned`: the digest comes first. */
export function firstDigest(key: string): Digest {
  // Asked of every record of a rebuild or a sweep, so nothing is split.
  const from = key.indexOf(' ') + 1;
  const end = key.indexOf(' ', from);
  return key.slice(from, end === -1 ? undefined : end) as Digest;
}

/** `parent`, `referrer`, `held`: the digest comes last. */
export const lastDigest = (key: string): Digest => key.slice(key.lastIndexOf(' ') + 1) as Digest;

/** `link`, `root`, `used`: the repository follows the digest. */
export const repositoryAfterDigest = (key: string): Repository => ({ upstream: part(key, 1), name: part(key, 2) });

/** `tag`, `pin`: the repository, then the reference. */
export const repositoryFirst = (key: string): Repository => ({ upstream: part(key, 0), name: part(key, 1) });

export const referenceOf = (key: string): TagOrDigest => part(key, 2) as TagOrDigest;

export const tagOf = (key: string): Tag => part(key, 2) as Tag;

/** `hour`: when it begins. */
export const timeOf = (key: string): number => Number(part(key, 0));

/** `hour`: the repository follows the time. */
export const repositoryAfterTime = (key: string): Repository => ({ upstream: part(key, 1), name: part(key, 2) });

/** Sorts after every key of an earlier hour and before those of this one and of later ones. */
export const beforeHour = (at: number): string => `${prefixes.hours}${padded(at)}`;
