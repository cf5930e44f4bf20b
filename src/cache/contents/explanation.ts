/** What an operator is told who asks why an image or a blob is here, or is not. Times are milliseconds since the epoch. */
import type { Repository } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import type { ImageReference } from '../../oci/reference.js';
import type { FlightState } from '../flight.js';
import type { MissingBlob } from '../prefetch/prefetch.js';
import type { LastAnswer } from '../recollection.js';

export type ExplainTarget =
  { readonly kind: 'image'; readonly image: ImageReference } | { readonly kind: 'blob'; readonly digest: Digest };

/**
 * `here`: stored, and this repository may serve it. `unlinked`: stored, and upstream has to be asked whether the repository
 * may have it. `absent`: known, from a tag or from an image that names it, but its bytes are not here. `removed`: it was
 * here. `gone`: upstream refused it when it was last asked. `unknown`: nothing is known of it. `filling`: it is being fetched
 * from upstream just now.
 */
export type Presence = 'here' | 'unlinked' | 'absent' | 'removed' | 'gone' | 'unknown' | 'filling';

export interface ExplainedLink {
  readonly repository: Repository;
  readonly checkedAt: number;
  /** Until then it is served without asking upstream again; undefined: for good. */
  readonly until?: number | undefined;
}

export interface ExplainedTag {
  readonly checkedAt: number;
  /** Until then upstream is not asked. */
  readonly freshUntil: number;
  /** Until then it is served while upstream cannot answer; undefined: for as long as that takes. */
  readonly servedUntil?: number | undefined;
}

/**
 * `tag`, `digest`: it was asked for so. `image`: an image that was asked for consists of it. `pin`: an operator's. `subject`:
 * what it refers to is stored. `job`: a prefetch job that has not ended works on it.
 */
export interface Keeper {
  readonly kind: 'tag' | 'digest' | 'image' | 'pin' | 'subject' | 'job';
  /** Of that image or subject; empty for a job. */
  readonly reference: string;
  readonly pinned: boolean;
  readonly lastUsedAt?: number | undefined;
}

export interface Explanation {
  readonly reference: string;
  readonly digest?: Digest | undefined;
  readonly presence: Presence;
  /** `removed`: when. `gone`: when upstream last said so, if that is known. */
  readonly since?: number | undefined;
  /** `removed`: by whom. */
  readonly by?: 'collection' | 'operator' | undefined;
  /** Until then clients are told that it is gone without asking upstream. */
  readonly negativeUntil?: number | undefined;
  readonly mediaType?: string | undefined;
  /** Bytes of this blob alone. */
  readonly size?: number | undefined;
  /** Everything that its stored manifests name can be served without asking upstream. */
  readonly whole: boolean;
  readonly missing: readonly MissingBlob[];
  /** Platforms, or digests, of an index whose manifests nobody has pulled. */
  readonly unpulled: readonly string[];
  readonly tag?: ExplainedTag | undefined;
  /** At most 100. */
  readonly links: readonly ExplainedLink[];
  readonly linkCount: number;
  /** At most 100. */
  readonly keepers: readonly Keeper[];
  readonly keeperCount: number;
  /** When the next collection takes it unless it is used before; undefined while something keeps it whatever its age. */
  readonly expiresAt?: number | undefined;
  /** Counted from 1, of `evictionOf` images: when it goes if room is needed; undefined when it does not go for that. */
  readonly evictionPlace?: number | undefined;
  readonly evictionOf: number;
  /** Downloads under way, of this or of what is missing, at most 100; the oldest first. */
  readonly fills: readonly FlightState[];
  /** Newest first; since the start of the daemon. */
  readonly asked: readonly LastAnswer[];
}
