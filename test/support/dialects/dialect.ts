/**
 * What tells one registry from another, as data: how it wants to be logged in to, where its bytes come from, what it says
 * no with. Each file beside this one describes one registry; emulation.ts makes a fake registry speak like it.
 */
import type { BearerAuth } from '../fake-auth.js';

export interface Dialect {
  /** As people call it. */
  readonly registry: string;
  /** What configures it, where its public images are wanted. */
  readonly entry: { readonly name: string; readonly url?: string };
  /** Of its API. */
  readonly host: string;
  /** Where its manifests and lists are, when it redirects there. */
  readonly manifestHost?: string;
  /** A repository's name as it is usual there. */
  readonly repository: string;
  readonly login: Login;
  readonly blobs: Blobs;
  readonly unknownTag: Refusal;
  readonly unknownRepository: Refusal;
  /** To those who may not have it; undefined where everything is public. */
  readonly privateRepository?: Refusal;
  readonly tooMany: TooMany;
  /** What it tells with each manifest of how many there may be. */
  readonly rateLimit?: Headers;
  /** `web page`: a redirect to one, in place of an answer. */
  readonly referrers: 'api' | 'none' | 'web page';
  readonly tags?: {
    readonly contentType?: string;
    /** Null stands among the tags. */
    readonly nulls?: true;
    /** Other fields beside `name` and `tags`. */
    readonly more?: Readonly<Record<string, unknown>>;
  };
  /** HEAD of a manifest is answered without Docker-Content-Digest. */
  readonly headWithoutDigest?: true;
  /** HEAD of a blob is answered with this status though GET works. */
  readonly blobHead?: number;
  /** With every answer. */
  readonly headers?: Headers;
}

export type Headers = Readonly<Record<string, string>>;

/** Without `service`, the registry's own host. */
export type Login =
  | { readonly type: 'none'; readonly pingChallenge?: string }
  | {
      readonly type: 'basic';
      /** Who logs in there. */
      readonly user: string;
      /** To a password that is wrong, or not right any more. */
      readonly wrongPassword: Refusal;
    }
  | ({
      readonly type: 'bearer';
      readonly user: string;
      readonly realm: string;
    } & Pick<
      BearerAuth,
      'service' | 'scope' | 'field' | 'expiresIn' | 'challenge' | 'refusal' | 'expired' | 'anonymous'
    >);

export interface Blobs {
  /** The host that they are redirected to; undefined where the registry sends them itself. */
  readonly redirect?: string;
  readonly status?: 302 | 307;
  /** Ranges are answered with everything. */
  readonly wholeOnly?: true;
}

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** `token`: the token endpoint says so, the registry is never reached. */
  readonly by?: 'token';
}

export interface TooMany {
  /** What is counted. */
  readonly request: { readonly kind: 'manifest' | 'token'; readonly method?: 'GET' };
  readonly headers: Headers;
  readonly body: string;
}

/** An error as the specification writes it. */
export const errorBody = (code: string, message: string): string => JSON.stringify({ errors: [{ code, message }] });
