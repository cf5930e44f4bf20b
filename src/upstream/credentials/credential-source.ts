/** Where an upstream's credential comes from. Each kind (a password, a cloud's token service) is a file in this folder. */

export type Credential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** To be exchanged for tokens at the token endpoint (OAuth 2.0, RFC 6749, section 6); docker's "identity token". */
  | { readonly kind: 'refresh'; readonly token: string }
  /** Sent to the registry as it is. */
  | { readonly kind: 'bearer'; readonly token: string };

export interface CredentialSource {
  /** For operators, in a few words and without a secret: `user alice`. */
  readonly about: string;
  /** When the one in use ends, on the wall clock; undefined when it does not, or when none was fetched yet. */
  readonly until: number | undefined;
  /**
   * Throws UPSTREAM_CREDENTIALS, with a message that names no upstream, when there is none to be had; an upstream with a
   * source is never asked anonymously instead.
   */
  get(signal: AbortSignal): Promise<Credential>;
  /** Upstream refused this one, which `get` gave: the next one must not come from memory. */
  invalidate(refused: Credential): void;
}

/** What shows that we have it: a header's value, but for a refresh token. */
export function proofOf(credential: Credential): string {
  if (credential.kind === 'refresh') return credential.token;
  if (credential.kind === 'bearer') return `Bearer ${credential.token}`;
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`, 'utf8').toString('base64')}`;
}
