/** The upstreams service: how each upstream is doing, what its rate limit leaves, and a doctor that looks closer. */
import type { Credential, Upstreams, UpstreamState } from '../cache/doctor/upstream-states.js';
import type { RateLimit } from '../upstream/rate-limit.js';
import type { Calls } from './calls.js';
import type { DiagnoseResponse } from './gen/cistern/v1/DiagnoseResponse.js';
import type { RateLimit as RateLimitMessage } from './gen/cistern/v1/RateLimit.js';
import type { Upstream as UpstreamMessage } from './gen/cistern/v1/Upstream.js';
import type { UpstreamCredential as CredentialMessage } from './gen/cistern/v1/UpstreamCredential.js';
import type { UpstreamsServiceHandlers } from './gen/cistern/v1/UpstreamsService.js';
import { enumValue, timestampOf } from './values.js';

export function upstreamsService(upstreams: Upstreams, calls: Calls): UpstreamsServiceHandlers {
  return {
    ListUpstreams: calls.unary(async () => ({ upstreams: (await upstreams.list()).map(upstreamMessage) })),

    Diagnose: calls.stream((request, signal) => diagnose(upstreams, request.upstreams, signal)),
  };
}

async function* diagnose(
  upstreams: Upstreams,
  names: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<DiagnoseResponse> {
  for await (const { part, result, upstream = '', advice = '', check, message } of upstreams.diagnose(names, signal)) {
    yield {
      part: enumValue('DIAGNOSED_PART', part),
      upstream,
      check,
      result: enumValue('DIAGNOSIS_RESULT', result),
      message,
      advice,
    };
  }
}

function upstreamMessage(state: UpstreamState): UpstreamMessage {
  const { rateLimit, heldBackUntil, credential, breaker, aliases, ...rest } = state;
  return {
    ...rest,
    aliases: [...aliases],
    breaker: enumValue('BREAKER_STATE', breaker),
    rateLimit: rateLimit === undefined ? null : rateLimitMessage(rateLimit),
    credential: credential === undefined ? null : credentialMessage(credential),
    heldBackUntil: heldBackUntil === undefined ? null : timestampOf(heldBackUntil),
  };
}

const credentialMessage = ({ about, until, failure = '' }: Credential): CredentialMessage => ({
  about,
  failure,
  validUntil: until === undefined ? null : timestampOf(until),
});

const rateLimitMessage = ({
  limit,
  remaining,
  window,
  resetsAt,
  source = '',
  seenAt,
}: RateLimit): RateLimitMessage => ({
  limit,
  source,
  seenAt: timestampOf(seenAt),
  resetsAt: resetsAt === undefined ? null : timestampOf(resetsAt),
  ...(remaining !== undefined && { remaining }),
  ...(window !== undefined && { windowSeconds: window }),
});
