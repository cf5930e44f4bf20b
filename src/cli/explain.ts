/** `cistern explain`: why an image or a blob is here or is not, who may have it, what keeps it, how it was last asked for. */
import type { ExplainResponse__Output } from '../control/gen/cistern/v1/ExplainResponse.js';
import type { Keeper__Output } from '../control/gen/cistern/v1/Keeper.js';
import { contents } from './client.js';
import { ago, bytes, count, field, iso, shortDigest, table, word } from './format.js';
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
  const { digest, mediaType, size, tag, links, linkCount, keepers, keeperCount, asked, missing } = answer;
  out(`${answer.reference} ${presenceOf(answer)}.`);
  if (digest !== undefined) out(field('Digest', digest));
  if (mediaType !== '') out(field('Type', `${mediaType}, ${bytes(size)}`));
  if (answer.unpulled.length > 0) out(field('Never pulled', some(answer.unpulled, answer.unpulled.length).join(', ')));
  if (tag) {
    const served = tag.servedUntil === null ? 'for as long as that takes' : `until ${iso(tag.servedUntil) ?? ''}`;
    out(field('Tag', `confirmed ${ago(tag.checkedAt)}, not asked again until ${iso(tag.freshUntil) ?? ''}`));
    out(`${' '.repeat(16)}while upstream cannot answer, served ${served}`);
  }
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
  const { presence, whole, missing, since, removedBy, negativeUntil } = answer;
  switch (presence) {
    case 'PRESENCE_HERE':
      return whole ? 'is here and whole' : `is here, and lacks ${count(missing.length, 'blob')}`;
    case 'PRESENCE_UNLINKED':
      return 'is not here for this repository: the bytes are, and upstream is asked whether it has them';
    case 'PRESENCE_ABSENT':
      return 'is known here, and its bytes are not: the next pull fetches them';
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

const explanationJson = ({ digest, tag, links, keepers, asked, ...answer }: ExplainResponse__Output) => ({
  ...answer,
  digest: digest ?? null,
  presence: word('PRESENCE', answer.presence),
  since: iso(answer.since),
  removedBy: answer.removedBy === 'REMOVER_UNSPECIFIED' ? null : word('REMOVER', answer.removedBy),
  negativeUntil: iso(answer.negativeUntil),
  missing: answer.missing.map(({ size = null, why, ...blob }) => ({ ...blob, size, why: word('MISSING_REASON', why) })),
  tag: tag && {
    checkedAt: iso(tag.checkedAt),
    freshUntil: iso(tag.freshUntil),
    servedUntil: iso(tag.servedUntil),
  },
  links: links.map(({ checkedAt, until, ...link }) => ({ ...link, checkedAt: iso(checkedAt), until: iso(until) })),
  keepers: keepers.map(({ kind, lastUsedAt, ...keeper }) => ({
    ...keeper,
    kind: word('KEEPER_KIND', kind),
    lastUsedAt: iso(lastUsedAt),
  })),
  expiresAt: iso(answer.expiresAt),
  evictionPlace: answer.evictionPlace === 0 ? null : answer.evictionPlace,
  asked: asked.map(({ at, reason, meaning, ...last }) => ({
    ...last,
    at: iso(at),
    reason: reason === '' ? null : reason,
    meaning: meaning === '' ? null : meaning,
  })),
});
