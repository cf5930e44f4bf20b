/**
 * Google Artifact Registry and Container Registry: an access token, for about an hour, as the password of `oauth2accesstoken`.
 * It is a service account's when there is a key file (the configuration's, or GOOGLE_APPLICATION_CREDENTIALS), else that of
 * the machine, from the metadata server.
 */
import { readFile } from 'node:fs/promises';
import { AppError, systemCode } from '../../lib/errors.js';
import { load } from '../../lib/optional-package.js';
import type { Fetched } from './renewed.js';

interface Client {
  getAccessToken(): Promise<{ readonly token?: string | null }>;
  /** `expiry_date` is in milliseconds, by this machine's clock. */
  readonly credentials: { readonly expiry_date?: number | null };
}
interface Sdk {
  readonly GoogleAuth: new (options: object) => { getClient(): Promise<Client> };
  readonly Compute: new () => Client;
}

/** What may be pulled is for the account's roles to say; this scope does not narrow them. */
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const HALF_AN_HOUR = 1_800_000;

/** `via` sends the SDK's requests for a service account, in place of the global `fetch`. */
export const fetchGcp = (keyFile: string | undefined, via?: typeof fetch) => async (): Promise<Fetched> => {
  const { GoogleAuth, Compute } = await load<Sdk>('google-auth-library', 'auth type gcp');
  // Not the SDK's own detection: that asks the metadata server once, and then believes for ever that there is none.
  const client =
    keyFile === undefined
      ? new Compute()
      : await new GoogleAuth({
          credentials: await readKey(keyFile),
          scopes: [SCOPE],
          ...(via && { clientOptions: { transporterOptions: { fetchImplementation: via } } }),
        }).getClient();
  const { token } = await client.getAccessToken();
  if (typeof token !== 'string' || token === '') {
    throw new AppError('UPSTREAM_CREDENTIALS', 'Google answered without an access token');
  }
  const until = client.credentials.expiry_date;
  const life = typeof until === 'number' ? until - Date.now() : HALF_AN_HOUR;
  return { credential: { kind: 'password', username: 'oauth2accesstoken', password: token }, life };
};

async function readKey(keyFile: string): Promise<object> {
  let text: string;
  try {
    text = await readFile(keyFile, 'utf8');
  } catch (cause) {
    throw new AppError('UPSTREAM_CREDENTIALS', `${keyFile} cannot be read (${systemCode(cause) ?? 'unknown'})`);
  }
  try {
    const key: unknown = JSON.parse(text);
    if (typeof key === 'object' && key !== null) return key;
  } catch {
    // Not as a cause: JavaScript quotes what it could not parse.
  }
  throw new AppError('UPSTREAM_CREDENTIALS', `${keyFile} is no key file of a service account: it is not JSON`);
}
