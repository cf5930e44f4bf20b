/** The statistics service: what the cache saves, from counts that are exact when asked. What each word counts: docs/statistics.md. */
import type { Counts, Grouping, Statistics, StatisticsQuery, Tally } from '../cache/statistics/statistics.js';
import type { Calls } from './calls.js';
import type { Counts as CountsMessage } from './gen/cistern/v1/Counts.js';
import type { GetStatisticsRequest__Output } from './gen/cistern/v1/GetStatisticsRequest.js';
import type { StatisticsServiceHandlers } from './gen/cistern/v1/StatisticsService.js';
import type { Tally as TallyMessage } from './gen/cistern/v1/Tally.js';
import { pageRequest, pageTokenOf } from './page.js';
import { invalid } from './requests.js';
import { enumValue, msOf, timestampOf } from './values.js';

const GROUPINGS = ['upstream', 'repository', 'hour'] as const satisfies readonly Grouping[];

export function statisticsService(statistics: Statistics, calls: Calls): StatisticsServiceHandlers {
  return {
    GetStatistics: calls.unary(async (request) => {
      const { size, after } = pageRequest(request);
      const { from, to, total, groups } = await statistics.query(queryOf(request));
      const rest = after === undefined ? groups : groups.filter(({ key }) => key > after);
      const page = rest.slice(0, size);
      return {
        from: timestampOf(from),
        to: timestampOf(to),
        total: tallyMessage(total),
        groups: page.map((group) => ({ key: group.key, tally: tallyMessage(group) })),
        nextPageToken: pageTokenOf(rest.length > size ? page.at(-1)?.key : undefined),
      };
    }),
  };
}

function queryOf(request: GetStatisticsRequest__Output): StatisticsQuery {
  const since = msOf(request.since);
  const until = msOf(request.until);
  if (since !== undefined && until !== undefined && since >= until) throw invalid('until', 'is not after since');
  return {
    since,
    until,
    upstream: request.upstream === '' ? undefined : request.upstream,
    repository: request.repository === '' ? undefined : request.repository,
    by: GROUPINGS.find((name) => enumValue('GROUPING', name) === request.by),
  };
}

const tallyMessage = ({ manifests, blobs }: Tally): TallyMessage => ({
  all: countsMessage(sum(manifests, blobs)),
  manifests: countsMessage(manifests),
  blobs: countsMessage(blobs),
});

const sum = (a: Counts, b: Counts): Counts => ({
  hits: a.hits + b.hits,
  misses: a.misses + b.misses,
  collapsed: a.collapsed + b.collapsed,
  revalidated: a.revalidated + b.revalidated,
  stale: a.stale + b.stale,
  bypassed: a.bypassed + b.bypassed,
  bytesServed: a.bytesServed + b.bytesServed,
  bytesFromUpstream: a.bytesFromUpstream + b.bytesFromUpstream,
  bytesPrefetched: a.bytesPrefetched + b.bytesPrefetched,
  upstreamGets: a.upstreamGets + b.upstreamGets,
  savedGets: a.savedGets + b.savedGets,
});

function countsMessage(counts: Counts): CountsMessage {
  const { hits, misses, collapsed, revalidated, stale, bypassed, bytesServed, bytesFromUpstream } = counts;
  const served = hits + revalidated + stale + collapsed;
  const requests = served + misses + bypassed;
  return {
    ...counts,
    requests,
    hitRatio: requests === 0 ? 0 : served / requests,
    byteHitRatio: bytesServed === 0 ? 0 : Math.max(0, 1 - bytesFromUpstream / bytesServed),
  };
}
