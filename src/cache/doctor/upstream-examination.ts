/** The doctor's look at one upstream: does it answer, may its token realm be asked, is our login good, does it do ranges. */
import type { Catalog } from '../../catalog/catalog.js';
import { AppError, reasonsOf, toAppError, type ErrorCode } from '../../lib/errors.js';
import { spell } from '../../lib/spell-duration.js';
import type { Repository } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import { isManifestType } from '../../oci/media-types.js';
import type { Probe, WatchedUpstream } from '../../upstream/probe.js';
import type { Finding } from './upstream-states.js';

/** Roots looked at for a blob to try a range on. */
const MOST_ROOTS = 5000;

/** A share of the rate limit that is little to go on with. */
const LITTLE_LEFT = 0.1;

type Found = Pick<Finding, 'result' | 'message' | 'advice'>;

export async function* examine(
  upstream: WatchedUpstream,
  catalog: Catalog,
  signal: AbortSignal,
): AsyncGenerator<Finding, void, undefined> {
  const finding = (check: string, found: Found): Finding => ({
    part: 'upstream',
    upstream: upstream.name,
    check,
    ...found,
  });
  const sample = await sampleOf(upstream.name, catalog).catch(() => undefined);
  const probe = await upstream.probe(sample?.repository.name, signal);
  yield finding('reachable', reachable(probe, upstream.url));
  yield finding('realm', realm(probe));
  yield finding('credential', credential(probe));
  yield finding('auth', auth(probe, upstream.credentialed));
  yield finding('range', probe.reached instanceof AppError ? unreached : await range(upstream, sample, signal));
  yield finding('rate-limit', rateLimit(upstream));
}

const unreached: Found = { result: 'skipped', message: 'it cannot be reached' };

function credential({ credential: had }: Probe): Found {
  if (had instanceof AppError) return failure(had);
  if (had === undefined) return { result: 'skipped', message: 'it is asked anonymously' };
  const { about, until } = had;
  return {
    result: 'ok',
    message: until === undefined ? about : `${about}, good until ${new Date(until).toISOString()}`,
  };
}

function reachable({ reached }: Probe, url: string): Found {
  if (reached instanceof AppError) return failure(reached);
  const message = `${url} answered ${reached.status} after ${reached.after} ms`;
  if (reached.status === 200 || reached.status === 401) return { result: 'ok', message };
  return { result: 'warning', message, advice: 'registries answer /v2/ with 200 or 401: is its url right?' };
}

function realm(probe: Probe): Found {
  if (probe.reached instanceof AppError) return unreached;
  if (probe.realm === undefined) return { result: 'skipped', message: 'it names no token realm' };
  if (probe.realm instanceof AppError) {
    const advice = 'if its tokens are to be had there, add that host to "realms" of this upstream';
    return { result: 'failed', message: probe.realm.message, advice };
  }
  return { result: 'ok', message: `tokens come from ${probe.realm}` };
}

function auth({ credential: had, reached, wants, realm: asked, login }: Probe, credentialed: boolean): Found {
  if (reached instanceof AppError) return unreached;
  if (had instanceof AppError) return { result: 'skipped', message: 'there is no credential to log in with' };
  if (wants === 'nothing') return { result: 'ok', message: 'it wants no login' };
  if (asked instanceof AppError) return { result: 'skipped', message: 'its token realm may not be asked' };
  if (login instanceof AppError) return failure(login);
  if (login === undefined)
    return { result: 'warning', message: 'it answers nothing that says how to log in', advice: 'is its url right?' };
  return { result: 'ok', message: credentialed ? 'our login is accepted' : 'strangers get a token' };
}

async function range(upstream: WatchedUpstream, sample: Sample | undefined, signal: AbortSignal): Promise<Found> {
  if (!sample) return { result: 'skipped', message: 'nothing was pulled from it yet that a range could be tried on' };
  try {
    switch (await upstream.honoursRange(sample.repository.name, sample.digest, signal)) {
      case true:
        return { result: 'ok', message: 'it sends parts of blobs' };
      case false:
        return {
          result: 'warning',
          message: 'it sends whole blobs when asked for a part',
          advice: 'broken downloads are resumed by reading them again from the start; nothing can be done on this side',
        };
      case undefined:
        return { result: 'skipped', message: 'it no longer has the blob that a range was tried on' };
    }
  } catch (error) {
    signal.throwIfAborted();
    return failure(toAppError(error));
  }
}

function rateLimit(upstream: WatchedUpstream): Found {
  const { rateLimit: known } = upstream.status();
  if (known?.remaining === undefined) return { result: 'skipped', message: 'it has told of none' };
  const { limit, remaining, window } = known;
  const message = `${remaining} of ${limit} pulls left${window === undefined ? '' : ` in ${spell(window * 1000)}`}`;
  if (remaining > limit * LITTLE_LEFT) return { result: 'ok', message };
  const advice = upstream.credentialed
    ? 'wait, or raise tagTtl so that it is asked less often'
    : 'log in with "auth", which most registries allow more, or wait';
  return { result: remaining === 0 ? 'failed' : 'warning', message, advice };
}

const ADVICE: Partial<Record<ErrorCode, string>> = {
  UPSTREAM_UNREACHABLE: 'look at its url, at DNS, the firewall and the outbound proxy',
  UPSTREAM_TIMEOUT: 'look at the network between here and there, or raise connectTimeout and responseTimeout',
  UPSTREAM_UNAVAILABLE: 'it is ill, or kept failing and is left alone for some seconds: try again',
  UPSTREAM_RATE_LIMITED: 'it has had enough of us: wait, or log in with "auth"',
  UPSTREAM_CREDENTIALS: 'look at its "auth", and at what that names: no restart is needed once it is mended',
  UPSTREAM_FORBIDDEN_ADDRESS: 'if it is meant to have that address, add the network to its "allowNetworks"',
  DENIED: 'configure "auth" for it, or look at what the account may pull',
};

const failure = (error: AppError): Found => ({
  result: 'failed',
  // The causes are for operators, and so is this.
  message: error.code === 'UPSTREAM_CREDENTIALS' ? reasonsOf(error) : error.message,
  advice: ADVICE[error.code] ?? 'look at its url: what answers there is no registry as we know them',
});

interface Sample {
  readonly repository: Repository;
  readonly digest: Digest;
}

/** A blob, of at least two bytes, of an image that came through this upstream. */
async function sampleOf(upstream: string, catalog: Catalog): Promise<Sample | undefined> {
  let looked = 0;
  for await (const { repository, digest } of catalog.roots()) {
    if (++looked > MOST_ROOTS) return undefined;
    if (repository.upstream !== upstream) continue;
    const blob = await blobBelow(digest, catalog);
    if (blob !== undefined) return { repository, digest: blob };
  }
  return undefined;
}

async function blobBelow(manifest: Digest, catalog: Catalog): Promise<Digest | undefined> {
  for (const child of (await catalog.manifest(manifest))?.children ?? []) {
    const record = await catalog.blob(child);
    if (!record) continue;
    if (!isManifestType(record.mediaType)) {
      if (record.size > 1) return child;
    } else {
      const below = await blobBelow(child, catalog);
      if (below !== undefined) return below;
    }
  }
  return undefined;
}
