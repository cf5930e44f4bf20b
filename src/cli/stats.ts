/** `cistern stats`: what the cache saved. What each word counts: docs/statistics.md. */
import type { Counts__Output } from '../control/gen/cistern/v1/Counts.js';
import type { GetStatisticsResponse__Output } from '../control/gen/cistern/v1/GetStatisticsResponse.js';
import type { Grouping } from '../control/gen/cistern/v1/Grouping.js';
import type { StatisticsGroup__Output } from '../control/gen/cistern/v1/StatisticsGroup.js';
import type { Tally__Output } from '../control/gen/cistern/v1/Tally.js';
import { counted } from '../lib/counted.js';
import { statistics } from './client.js';
import { bytes, field, iso, momentOf, percent, table, timestampOf } from './format.js';
import { toJson, type ExitCode, type Terminal } from './output.js';
import { pages } from './pages.js';
import { withDaemon, type SessionOptions } from './session.js';

export interface StatsOptions extends SessionOptions {
  readonly since?: string;
  readonly until?: string;
  readonly upstream?: string;
  readonly repository?: string;
  readonly by?: 'upstream' | 'repository' | 'hour';
}

const GROUPINGS: Readonly<Record<NonNullable<StatsOptions['by']>, Grouping>> = {
  upstream: 'GROUPING_UPSTREAM',
  repository: 'GROUPING_REPOSITORY',
  hour: 'GROUPING_HOUR',
};

export function stats(options: StatsOptions, terminal: Terminal): Promise<ExitCode> {
  return withDaemon(options, terminal, async (client) => {
    const moment = (text: string | undefined, option: string) =>
      text === undefined ? null : timestampOf(momentOf(text, option));
    const request = {
      since: moment(options.since, '--since'),
      until: moment(options.until, '--until'),
      upstream: options.upstream ?? '',
      repository: options.repository ?? '',
      by: options.by === undefined ? ('GROUPING_UNSPECIFIED' as const) : GROUPINGS[options.by],
      pageSize: 1000,
    };
    let first: GetStatisticsResponse__Output | undefined;
    const groups: StatisticsGroup__Output[] = [];
    for await (const page of pages((pageToken) => client.ask(statistics.GetStatistics, { ...request, pageToken }))) {
      first ??= page;
      groups.push(...page.groups);
    }
    const total = first?.total ?? undefined;
    if (first === undefined || total === undefined) throw new Error('the daemon sent no statistics');
    if (options.output === 'json') {
      terminal.out(
        toJson({
          from: iso(first.from),
          to: iso(first.to),
          ...tallyJson(total),
          groups: groups.map(({ key, tally }) => ({ key, ...(tally && tallyJson(tally)) })),
        }),
      );
    } else print(first, total, groups, options.by, terminal);
    return 0;
  });
}

function print(
  { from, to }: GetStatisticsResponse__Output,
  total: Tally__Output,
  groups: readonly StatisticsGroup__Output[],
  by: StatsOptions['by'],
  terminal: Terminal,
): void {
  const { all, manifests } = total;
  if (all === null) return;
  terminal.out(field('From', iso(from) ?? ''));
  terminal.out(field('To', iso(to) ?? ''));
  terminal.out(field('Requests', String(all.requests)));
  terminal.out(
    field(
      'Outcomes',
      `${counted(all.hits, 'hit')}, ${counted(all.misses, 'miss', 'misses')}, ${all.collapsed} collapsed, ${all.revalidated} revalidated, ${all.stale} stale, ${all.bypassed} bypassed`,
    ),
  );
  terminal.out(field('Hit ratio', `${percent(all.hitRatio)} of requests, ${percent(all.byteHitRatio)} of bytes`));
  terminal.out(field('Served', bytes(all.bytesServed)));
  terminal.out(
    field('From upstream', `${bytes(all.bytesFromUpstream)}, and ${bytes(all.bytesPrefetched)} by prefetch`),
  );
  terminal.out(field('Pulls upstream', `${manifests?.upstreamGets ?? 0} made, ${manifests?.savedGets ?? 0} saved`));
  if (by === undefined) return;
  const rows = groups.flatMap(({ key, tally }) => (tally?.all ? [rowOf(key, tally.all)] : []));
  terminal.out('');
  terminal.out(table([by.toUpperCase(), 'REQUESTS', 'HIT RATIO', 'BYTE HIT RATIO', 'SERVED', 'FROM UPSTREAM'], rows));
}

const rowOf = (key: string, counts: Counts__Output) => [
  key,
  counts.requests,
  percent(counts.hitRatio),
  percent(counts.byteHitRatio),
  bytes(counts.bytesServed),
  bytes(counts.bytesFromUpstream),
];

/** The counts of both at the top, as they are read most; of each apart below. */
const tallyJson = ({ all, manifests, blobs }: Tally__Output) => ({
  ...all,
  upstreamPulls: manifests?.upstreamGets ?? 0,
  upstreamPullsSaved: manifests?.savedGets ?? 0,
  manifests,
  blobs,
});
