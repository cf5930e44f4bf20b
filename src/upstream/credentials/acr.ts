/**
 * Azure Container Registry: a token of Microsoft Entra ID (AAD), for whoever Azure's own chain says that we are (environment,
 * workload identity, managed identity, …), exchanged at the registry for a refresh token of some hours, which the token
 * endpoint takes.
 */
import { AppError } from '../../lib/errors.js';
import { load } from '../../lib/optional-package.js';
import type { SmallAnswer, SmallRequest } from '../small-answer.js';
import type { Fetched } from './renewed.js';

interface Sdk {
  readonly DefaultAzureCredential: new (options: object) => {
    getToken(scope: string, options: { readonly abortSignal: AbortSignal }): Promise<{ readonly token: string }>;
  };
}

export interface AcrOptions {
  /** The registry's own; the only place that the token is sent to. */
  readonly url: URL;
  /** Of a user-assigned managed identity, or of an application with a federated credential. */
  readonly clientId?: string | undefined;
  readonly ask: (request: SmallRequest) => Promise<SmallAnswer>;
  readonly now: () => number;
}

const SCOPE = 'https://containerregistry.azure.net/.default';
const ONE_HOUR = 3_600_000;

export const fetchAcr =
  ({ url, clientId, ask, now }: AcrOptions) =>
  async (signal: AbortSignal): Promise<Fetched> => {
    const { DefaultAzureCredential } = await load<Sdk>('@azure/identity', 'auth type acr');
    const options =
      clientId === undefined ? {} : { managedIdentityClientId: clientId, workloadIdentityClientId: clientId };
    const identity = new DefaultAzureCredential(options);
    const { token } = await identity.getToken(SCOPE, { abortSignal: signal });
    const form = { grant_type: 'access_token', service: url.host, access_token: token };
    const { status, body } = await ask({ url: new URL('/oauth2/exchange', url), headers: {}, form, signal });
    if (status !== 200) {
      const message = `${url.host} did not take our identity: its /oauth2/exchange answered ${status}`;
      throw new AppError('UPSTREAM_CREDENTIALS', message);
    }
    const refresh = field(body.toString('utf8'), 'refresh_token');
    if (typeof refresh !== 'string' || refresh === '') {
      throw new AppError('UPSTREAM_CREDENTIALS', `${url.host} exchanged our identity for nothing`);
    }
    const expires = field(Buffer.from(refresh.split('.')[1] ?? '', 'base64url').toString('utf8'), 'exp');
    const life = typeof expires === 'number' ? expires * 1000 - now() : ONE_HOUR;
    return { credential: { kind: 'refresh', token: refresh }, life };
  };

/** Undefined when `json` is none. */
function field(json: string, name: string): unknown {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  } catch {
    return undefined;
  }
}
