/** OCI image specification, descriptor.md. */
import type { Digest } from './digest.js';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** A repository of one upstream; `upstream` is the configured name (never an alias), `name` has no host. */
export interface Repository {
  readonly upstream: string;
  readonly name: string;
}
