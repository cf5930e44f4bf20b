/** `cistern upstreams`: how each upstream is doing, as the daemon knows it without asking them. */
import { spell } from '../lib/spell-duration.js';
import type { RateLimit__Output } from '../control/gen/cistern/v1/RateLimit.js';
import type { Upstream__Output } from '../control/gen/cistern/v1/Upstream.js';
import { upstreams as methods } from './client.js';
import { ago, iso, left, table, word } from './format.js';
import { toJson, type ExitCode, type Terminal } from './output.js';
import { withDaemon, type SessionOptions } from './session.js';

export function upstreams(options: SessionOptions, terminal: Terminal): Promise<ExitCode> {
  return withDaemon(options, terminal, async (client) => {
    const answer = await client.ask(methods.ListUpstreams, {});
    if (options.output === 'json') {
      terminal.out(toJson(answer.upstreams.map(upstreamJson)));
      return 0;
    }
    const rows = answer.upstreams.map((upstream) => [
      upstream.default ? `${upstream.name} (default)` : upstream.name,
      upstream.url,
      stateOf(upstream),
      `${upstream.activeBodies}/${upstream.maxBodies}`,
      upstream.waitingBodies,
      upstream.rateLimit === null ? '' : limitLine(upstream.rateLimit),
    ]);
    terminal.out(table(['UPSTREAM', 'URL', 'STATE', 'FETCHING', 'WAITING', 'RATE LIMIT'], rows));
    return 0;
  });
}

/** What it means for whoever pulls. */
function stateOf({ breaker, credential, heldBackUntil }: Upstream__Output): string {
  if (heldBackUntil !== null) return `has us wait for ${left(heldBackUntil)}`;
  if (breaker === 'BREAKER_STATE_OPEN') return 'failing';
  if (breaker === 'BREAKER_STATE_HALF_OPEN') return 'trying again';
  return credential !== null && credential.failure !== '' ? 'login fails' : 'ok';
}

function limitLine({ limit, remaining, windowSeconds, seenAt, resetsAt }: RateLimit__Output): string {
  const window = windowSeconds === undefined ? '' : ` in ${spell(windowSeconds * 1000)}`;
  if (remaining === undefined) return `${limit}${window}`;
  const reset = resetsAt === null ? '' : `, all again in ${left(resetsAt)}`;
  return `${remaining} of ${limit} left${window}${reset}, ${ago(seenAt)}`;
}

const upstreamJson = ({ breaker, rateLimit, credential, heldBackUntil, ...upstream }: Upstream__Output) => ({
  ...upstream,
  breaker: word('BREAKER_STATE', breaker),
  heldBackUntil: iso(heldBackUntil),
  credential: credential && {
    about: credential.about,
    validUntil: credential.validUntil && iso(credential.validUntil),
    failure: credential.failure === '' ? null : credential.failure,
  },
  rateLimit: rateLimit && {
    limit: rateLimit.limit,
    remaining: rateLimit.remaining ?? null,
    windowSeconds: rateLimit.windowSeconds ?? null,
    source: rateLimit.source === '' ? null : rateLimit.source,
    seenAt: iso(rateLimit.seenAt),
    resetsAt: iso(rateLimit.resetsAt),
  },
});
