/** From what the configuration says of an upstream's credential to where it comes from. */
import type { Clock } from '../../lib/clock.js';
import type { Logger } from '../../lib/log.js';
import { fileVersion, type Secret } from '../../lib/secret.js';
import type { SmallAnswer, SmallRequest } from '../small-answer.js';
import { fetchAcr } from './acr.js';
import { bearer, password } from './configured.js';
import type { CredentialSource } from './credential-source.js';
import { fetchFromDockerConfig } from './docker-config.js';
import { fetchEcr, type EcrOptions } from './ecr.js';
import { fetchGcp } from './gcp.js';
import { RenewedCredential, type RenewedOptions } from './renewed.js';

export type UpstreamAuth =
  | { readonly type: 'anonymous' }
  | { readonly type: 'basic'; readonly username: string; readonly password: Secret }
  | { readonly type: 'bearer'; readonly token: Secret }
  | DockerConfigAuth
  | ({ readonly type: 'ecr' } & EcrOptions)
  | { readonly type: 'gcp'; readonly keyFile?: string | undefined }
  | { readonly type: 'acr'; readonly clientId?: string | undefined };

interface DockerConfigAuth {
  readonly type: 'docker-config';
  readonly configFile: string;
  readonly helpers: readonly string[];
  /** Milliseconds. */
  readonly helperTimeout: number;
}

export interface CredentialParts {
  readonly upstream: string;
  readonly url: URL;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Sends a request to the upstream that needs no login. */
  readonly ask: (request: SmallRequest) => Promise<SmallAnswer>;
  /** Sends what Google's SDK would send by itself, whose token endpoint cannot be set; its own way without it. */
  readonly cloudFetch?: typeof fetch | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A cloud that has not answered by then is not going to. */
const CLOUD_LIMIT_MS = 30_000;

/** Undefined for `anonymous`. Asks nobody for anything yet. */
export function openCredentials(auth: UpstreamAuth, parts: CredentialParts): CredentialSource | undefined {
  const { upstream, url, env, ask, cloudFetch, clock, log } = parts;
  const renewed = (options: Pick<RenewedOptions, 'about' | 'fetch' | 'stamp'> & { readonly limit?: number }) =>
    new RenewedCredential({ limit: CLOUD_LIMIT_MS, ...options, upstream, clock, log });
  switch (auth.type) {
    case 'anonymous':
      return undefined;
    case 'basic':
      return password(auth.username, auth.password);
    case 'bearer':
      return bearer(auth.token);
    case 'docker-config': {
      const { configFile, helpers, helperTimeout: limit } = auth;
      const fetch = fetchFromDockerConfig({ configFile, helpers, host: url.host });
      return renewed({
        about: `the entry for ${url.host} of ${configFile}`,
        fetch,
        stamp: () => fileVersion(configFile),
        limit,
      });
    }
    case 'ecr': {
      const about = `a token of ${auth.public ? 'ECR Public' : 'ECR'} in ${auth.region}`;
      return renewed({ about, fetch: fetchEcr(auth, clock) });
    }
    case 'gcp': {
      const keyFile = auth.keyFile ?? env['GOOGLE_APPLICATION_CREDENTIALS'];
      const about = `a Google access token, by ${keyFile ?? 'the metadata server'}`;
      return renewed({
        about,
        fetch: fetchGcp(keyFile, cloudFetch),
        ...(keyFile !== undefined && { stamp: () => fileVersion(keyFile) }),
      });
    }
    case 'acr': {
      const { clientId } = auth;
      return renewed({
        about: `a refresh token of ${url.host}`,
        fetch: fetchAcr({ url, clientId, ask, now: () => clock.now() }),
      });
    }
  }
}
