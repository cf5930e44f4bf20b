/** `cistern explain`: why an image or a blob is here or is not, who may have it, what keeps it, how it was last asked for. */
import type { ExplainedFill__Output } from '../control/gen/cistern/v1/ExplainedFill.js';
import type { ExplainResponse__Output } from '../control/gen/cistern/v1/ExplainResponse.js';
import type { Keeper__Output } from '../control/gen/cistern/v1/Keeper.js';
import { contents } from './client.js';
import { counted } from '../lib/counted.js';
import { ago, bytes, field, iso, shortDigest, table, word } from './format.js';
import { toJson, type ExitCode, type Terminal } from './output.js';
import { withDaemon, type SessionOptions } from './session.js';

/** Lines of one kind that a person still reads; JSON has more. */
const SHOWN = 10;

/** 0 when it is here, also in part; else 1. */
export function explain(target: string, options: SessionOptions, terminal: Terminal): Promise<ExitCode> {
  return withDaemon(options, terminal, async (client) => {
    const what = /^sha(256|512):/.test(target) ? { digest: target } : { image: target };
    const answer = await client.ask(contents.Explain, what);
    if (options.output === 'json') terminal.out(toJson(explanationJson(answer)));
    else print(answer, terminal.out);
    return answer.presence === 'PRESENCE_HERE' ? 0 : 1;
  });
}

function print(answer: ExplainResponse__Output, out: (line: string) => void): void {
  const { digest, mediaType, size, tag, links, linkCount, keepers, keeperCount, fills, asked, missing } = answer;
  out(`${answer.reference} ${presenceOf(answer)}.`);
  if (digest !== undefined) out(field('Digest', digest));
  if (mediaType !== '') out(field('Type', `${mediaType}, ${bytes(size)}`));
  if (answer.unpulled.length > 0) out(field('Never pulled', some(answer.unpulled, answer.unpulled.length).join(', ')));
  if (tag) {
    const served = tag.servedUntil === null ? 'for as long as that takes' : `until ${iso(tag.servedUntil) ?? ''}`;
    out(field('Tag', `confirmed ${ago(tag.checkedAt)}, not asked again until ${iso(tag.freshUntil) ?? ''}`));
    out(`${' '.repeat(16)}while upstream cannot answer, served ${served}`);
  }
  list('Being fetched', fills, fills.length, out, fillLine);
  list('Served to', links, linkCount, out, ({ upstream, repository, checkedAt, until }) => {
    const again = until === null ? '' : `, asked again from ${iso(until) ?? ''}`;
    return `${upstream}/${repository}, confirmed ${ago(checkedAt)}${again}`;
  });
  list('Kept by', keepers, keeperCount, out, keeperLine);
  if (mediaType !== '') printEnd(answer, out);
  list('Last asked', asked, asked.length, out, ({ upstream, repository, reference, method, at, outcome, ...told }) => {
    const reason = told.reason === '' ? '' : ` ${told.reason}: ${told.meaning}`;
    return `${method} ${upstream}/${repository} ${shortDigest(reference)} ${ago(at)}: ${outcome}${reason}`;
  });
  if (missing.length > 0) {
    const rows = missing.map((blob) => [
      blob.digest,
      word('MISSING_REASON', blob.why),
      bytes(blob.size ?? 0),
      blob.mediaType,
    ]);
    out(table(['MISSING', 'WHY', 'SIZE', 'TYPE'], rows));
  }
}

function presenceOf(answer: ExplainResponse__Output): string {
  const { presence, whole, missing, fills, since, removedBy, negativeUntil } = answer;
  switch (presence) {
    case 'PRESENCE_HERE':
      if (whole) return 'is here and whole';
      return `is here, and lacks ${counted(missing.length, 'blob')}${fills.length === 0 ? '' : `, ${fills.length} of them being fetched now`}`;
    case 'PRESENCE_UNLINKED':
      return 'is not here for this repository: the bytes are, and upstream is asked whether it has them';
    case 'PRESENCE_ABSENT':
      return 'is known here, and its bytes are not: the next pull fetches them';
    case 'PRESENCE_FILLING':
      return 'is being fetched now';
    case 'PRESENCE_REMOVED':
      return `was here, and was removed ${ago(since)} by ${removedBy === 'REMOVER_OPERATOR' ? 'an operator' : 'garbage collection'}`;
    case 'PRESENCE_GONE': {
      const when = since === null ? '' : ` ${ago(since)}`;
      const again = negativeUntil === null ? '' : `, and is not asked again until ${iso(negativeUntil) ?? ''}`;
      return `is not here: upstream refused it${when}${again}`;
    }
    default:
      return answer.asked.length > 0 ? 'is not here' : 'is not here, and nobody asked for it since the daemon started';
  }
}

function printEnd(
  { expiresAt, keeperCount, evictionPlace, evictionOf }: ExplainResponse__Output,
  out: (line: string) => void,
): void {
  const unless = keeperCount === 0 ? 'because no image has it' : 'unless it is used before';
  out(field('Expires', expiresAt === null ? 'not while it is kept so' : `${iso(expiresAt) ?? ''}, ${unless}`));
  if (evictionPlace > 0) out(field('Eviction', `${evictionPlace} of ${evictionOf} to go when room is needed`));
  else if (keeperCount > 0) out(field('Eviction', 'does not go to make room'));
}

function keeperLine({ kind, reference, pinned, lastUsedAt }: Keeper__Output): string {
  const why = {
    tag: 'asked for by tag',
    digest: 'asked for by digest',
    image: 'consists of it',
    pin: 'pinned',
    subject: 'which it refers to',
  }[word('KEEPER_KIND', kind)];
  if (why === undefined) return 'a prefetch job';
  const used = kind === 'KEEPER_KIND_PIN' || kind === 'KEEPER_KIND_SUBJECT' ? '' : `, last used ${ago(lastUsedAt)}`;
  return `${reference}, ${why}${used}${pinned && why !== 'pinned' ? ', pinned' : ''}`;
}

function fillLine({ digest, received, size, clients, prefetches }: ExplainedFill__Output): string {
  const waiting = [
    ...(clients > 0 ? [counted(clients, 'client')] : []),
    ...(prefetches > 0 ? [counted(prefetches, 'prefetch job')] : []),
  ];
  const of = size === undefined ? '' : ` of ${bytes(size)}`;
  return `${shortDigest(digest)} ${bytes(received)}${of}, for ${waiting.length === 0 ? 'nobody any more' : waiting.join(' and ')}`;
}

/** A field of several lines. */
function list<T>(
  name: string,
  items: readonly T[],
  total: number,
  out: (line: string) => void,
  line: (item: T) => string,
): void {
  some(items.map(line), total).forEach((text, index) =>
    out(index === 0 ? field(name, text) : `${' '.repeat(16)}${text}`),
  );
}

const some = (lines: readonly string[], total: number): readonly string[] =>
  total > SHOWN ? [...lines.slice(0, SHOWN), `and ${total - SHOWN} more`] : lines;

/** Field by field: the messages have keys of the loader's own beside them. */
const explanationJson = (answer: ExplainResponse__Output) => ({
  reference: answer.reference,
  digest: answer.digest ?? null,
  presence: word('PRESENCE', answer.presence),
  since: iso(answer.since),
  removedBy: answer.removedBy === 'REMOVER_UNSPECIFIED' ? null : word('REMOVER', answer.removedBy),
  negativeUntil: iso(answer.negativeUntil),
  mediaType: answer.mediaType,
  size: answer.size,
  whole: answer.whole,
  missing: answer.missing.map(({ digest, mediaType, size = null, why }) => ({
    digest,
    mediaType,
    size,
    why: word('MISSING_REASON', why),
  })),
  unpulled: answer.unpulled,
  fills: answer.fills.map(({ digest, upstream, repository, received, size = null, clients, prefetches }) => ({
    digest,
    upstream,
    repository,
    received,
    size,
    clients,
    prefetches,
  })),
  tag: answer.tag && {
    checkedAt: iso(answer.tag.checkedAt),
    freshUntil: iso(answer.tag.freshUntil),
    servedUntil: iso(answer.tag.servedUntil),
  },
  links: answer.links.map(({ checkedAt, until, ...link }) => ({
    ...link,
    checkedAt: iso(checkedAt),
    until: iso(until),
  })),
  linkCount: answer.linkCount,
  keepers: answer.keepers.map(({ kind, lastUsedAt, ...keeper }) => ({
    ...keeper,
    kind: word('KEEPER_KIND', kind),
    lastUsedAt: iso(lastUsedAt),
  })),
  keeperCount: answer.keeperCount,
  expiresAt: iso(answer.expiresAt),
  evictionPlace: answer.evictionPlace === 0 ? null : answer.evictionPlace,
  evictionOf: answer.evictionOf,
  asked: answer.asked.map(({ at, reason, meaning, ...last }) => ({
    ...last,
    at: iso(at),
    reason: reason === '' ? null : reason,
    meaning: meaning === '' ? null : meaning,
  })),
});
