/** What is explained, as a message. */
import type { Explanation } from '../cache/contents/explanation.js';
import type { FlightState } from '../cache/flight.js';
import { REASONS } from '../cache/outcome.js';
import type { ExplainedFill } from './gen/cistern/v1/ExplainedFill.js';
import type { ExplainResponse } from './gen/cistern/v1/ExplainResponse.js';
import { missingMessage } from './prefetch-messages.js';
import { enumValue, timestampOf } from './values.js';

export const explanationMessage = ({ digest, by, tag, expiresAt, ...explained }: Explanation): ExplainResponse => ({
  ...explained,
  ...(digest !== undefined && { digest }),
  presence: enumValue('PRESENCE', explained.presence),
  since: timestampOf(explained.since),
  ...(by && { removedBy: enumValue('REMOVER', by) }),
  negativeUntil: timestampOf(explained.negativeUntil),
  mediaType: explained.mediaType ?? '',
  size: explained.size ?? 0,
  missing: explained.missing.map(missingMessage),
  unpulled: [...explained.unpulled],
  tag: tag
    ? {
        checkedAt: timestampOf(tag.checkedAt),
        freshUntil: timestampOf(tag.freshUntil),
        servedUntil: timestampOf(tag.servedUntil),
      }
    : null,
  links: explained.links.map(({ repository: { upstream, name }, checkedAt, until }) => ({
    upstream,
    repository: name,
    checkedAt: timestampOf(checkedAt),
    until: timestampOf(until),
  })),
  keepers: explained.keepers.map(({ kind, lastUsedAt, ...keeper }) => ({
    ...keeper,
    kind: enumValue('KEEPER_KIND', kind),
    lastUsedAt: timestampOf(lastUsedAt),
  })),
  expiresAt: timestampOf(expiresAt),
  evictionPlace: explained.evictionPlace ?? 0,
  fills: explained.fills.map(fillMessage),
  asked: explained.asked.map(({ repository: { upstream, name }, reference, method, at, outcome, reason }) => ({
    upstream,
    repository: name,
    reference,
    method,
    at: timestampOf(at),
    outcome,
    reason: reason ?? '',
    meaning: reason === undefined ? '' : REASONS[reason],
  })),
});

const fillMessage = ({ repository, digest, received, size, followers }: FlightState): ExplainedFill => ({
  digest,
  upstream: repository.upstream,
  repository: repository.name,
  received,
  ...(size !== undefined && { size }),
  clients: followers.live,
  prefetches: followers.prefetch,
});
