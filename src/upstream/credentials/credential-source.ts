/** Where an upstream's credential comes from. Each kind (a password, a cloud's token service) is a file in this folder. */

export interface Credential {
  readonly username: string;
  readonly password: string;
}

export interface CredentialSource {
  /** Rejects when there is none to be had; an upstream with a source is never asked anonymously instead. */
  get(signal: AbortSignal): Promise<Credential>;
  /** Upstream refused the last one: the next `get` must not answer from memory. */
  invalidate(): void;
}
