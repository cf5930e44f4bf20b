/**
 * The credentials that `docker login` and its like keep in a config.json: in the file itself, or with a credential helper that
 * the file names. A helper is a program, so it runs only when our own configuration lists it as well.
 */
import { readFile } from 'node:fs/promises';
import { AppError, systemCode } from '../../lib/errors.js';
import type { Credential } from './credential-source.js';
import { askHelper } from './docker-helper.js';
import type { Fetched } from './renewed.js';

export interface DockerConfigOptions {
  readonly configFile: string;
  /** Names as in `docker-credential-NAME`. */
  readonly helpers: readonly string[];
  /** The upstream's own, which alone sees the credential. */
  readonly host: string;
}

type Json = Readonly<Record<string, unknown>>;

/** What docker calls Docker Hub, whose registry has another host. */
const HUB = 'https://index.docker.io/v1/';
const HUB_HOSTS: ReadonlySet<string> = new Set(['registry-1.docker.io', 'index.docker.io', 'docker.io']);

export const fetchFromDockerConfig =
  ({ configFile, helpers, host }: DockerConfigOptions) =>
  async (signal: AbortSignal): Promise<Fetched> => {
    const config = await read(configFile);
    const key = HUB_HOSTS.has(host) ? HUB : host;
    const helper = valueFor(object(config['credHelpers']), host) ?? config['credsStore'];
    if (typeof helper === 'string' && helper !== '') {
      if (!helpers.includes(helper)) {
        throw unusable(`${configFile} leaves ${host} to docker-credential-${helper}, which is not one of "helpers"`);
      }
      return { credential: await askHelper(helper, key, signal) };
    }
    const entry = valueFor(object(config['auths']), host);
    if (entry === undefined) throw unusable(`${configFile} has no entry for ${host}`);
    const credential = credentialOf(object(entry));
    if (!credential) throw unusable(`${configFile} has an entry for ${host} without a credential`);
    return { credential };
  };

const unusable = (message: string) => new AppError('UPSTREAM_CREDENTIALS', message);

async function read(configFile: string): Promise<Json> {
  try {
    return object(JSON.parse(await readFile(configFile, 'utf8')));
  } catch (error) {
    // Not as a cause: JavaScript quotes what it could not parse.
    const why =
      error instanceof SyntaxError ? 'is not valid JSON' : `cannot be read (${systemCode(error) ?? 'unknown'})`;
    throw unusable(`${configFile} ${why}`);
  }
}

/** Of the entries for this host the first; docker writes a host, older versions a URL. */
function valueFor(entries: Json, host: string): unknown {
  const wanted = HUB_HOSTS.has(host) ? HUB_HOSTS : new Set([host]);
  const found = Object.keys(entries).find((key) =>
    wanted.has(key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '')),
  );
  return found === undefined ? undefined : entries[found];
}

function credentialOf({ auth, username, password, identitytoken }: Json): Credential | undefined {
  if (typeof identitytoken === 'string' && identitytoken !== '') return { kind: 'refresh', token: identitytoken };
  if (typeof auth === 'string' && auth !== '') {
    const [user = '', ...rest] = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '').split(':');
    return rest.length === 0 ? undefined : { kind: 'password', username: user, password: rest.join(':') };
  }
  if (typeof username === 'string' && typeof password === 'string' && password !== '') {
    return { kind: 'password', username, password };
  }
  return undefined;
}

const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
