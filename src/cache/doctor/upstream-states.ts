/** How each upstream is doing, for operators. What is listed is known without asking; the doctor asks. */
import type { WatchedUpstream } from '../../upstream/probe.js';
import type { RateLimit } from '../../upstream/rate-limit.js';

export interface Credential {
  /** In a few words and without a secret: `user alice`. */
  readonly about: string;
  /** Milliseconds since the epoch; undefined when it has no end, or none was needed yet. */
  readonly until?: number | undefined;
  /** Why logging in failed when it was last tried. */
  readonly failure?: string | undefined;
}

export interface UpstreamState {
  readonly name: string;
  /** Without user and query. */
  readonly url: string;
  readonly aliases: readonly string[];
  readonly default: boolean;
  /** Whether it is asked with credentials of ours. */
  readonly credentialed: boolean;
  readonly credential?: Credential | undefined;
  /** `open`: it kept failing and is left alone for a while. */
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** What it last told of how many pulls it allows, as far as that still holds. */
  readonly rateLimit?: RateLimit | undefined;
  /** After a 429: until when it is not asked again, in milliseconds since the epoch. */
  readonly heldBackUntil?: number | undefined;
  /** Bodies under way, the most there may be, and how many wait for a turn. */
  readonly activeBodies: number;
  readonly maxBodies: number;
  readonly waitingBodies: number;
}

/** What the doctor found. */
export interface Finding {
  readonly part: 'config' | 'disk' | 'index' | 'upstream';
  /** The upstream's name; undefined for the other parts. */
  readonly upstream?: string | undefined;
  /** A word: `reachable`, `auth`, `realm`, `range`, `rate-limit`, `space`, `writable`, `state`, … */
  readonly check: string;
  readonly result: 'ok' | 'warning' | 'failed' | 'skipped';
  /** A line: what was seen. */
  readonly message: string;
  /** A line: what to do about it; for `warning` and `failed`. */
  readonly advice?: string | undefined;
}

export interface Upstreams {
  /** In the order of the configuration. */
  list(): Promise<readonly UpstreamState[]>;
  /** Looks at configuration, disk and index, then at the named upstreams (all without names). Throws NAME_UNKNOWN. */
  diagnose(names: readonly string[], signal: AbortSignal): AsyncIterable<Finding>;
}

export interface ConfiguredUpstream {
  readonly upstream: WatchedUpstream;
  readonly aliases: readonly string[];
  readonly default: boolean;
}

export function stateOf({ upstream, aliases, default: isDefault }: ConfiguredUpstream): UpstreamState {
  const { name, url, credentialed } = upstream;
  const { breaker, rateLimit, heldBackUntil, credential } = upstream.status();
  const { active, most, waiting } = upstream.bodies();
  return {
    name,
    url,
    aliases,
    default: isDefault,
    credentialed,
    credential,
    breaker,
    rateLimit,
    heldBackUntil,
    activeBodies: active,
    maxBodies: most,
    waitingBodies: waiting,
  };
}
