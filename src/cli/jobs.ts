/** `cistern jobs`: the prefetch jobs, one of them, or the end of one. */
import type { PrefetchJob__Output } from '../control/gen/cistern/v1/PrefetchJob.js';
import { prefetches } from './client.js';
import { counted } from '../lib/counted.js';
import { ago, iso, table, word } from './format.js';
import { pages } from './pages.js';
import { toJson, type ExitCode } from './output.js';
import { followJob, report } from './prefetch.js';
import { stateOf } from './prefetch-view.js';
import { UsageError } from './control-error.js';
import { withDaemon, type LiveTerminal, type SessionOptions } from './session.js';

export interface JobsOptions extends SessionOptions {
  readonly watch?: boolean;
  readonly cancel?: boolean;
}

/** With an id and `watch`, ends as the job does; else 0. */
export function jobs(id: string | undefined, options: JobsOptions, terminal: LiveTerminal): Promise<ExitCode> {
  const { output } = options;
  return withDaemon(options, terminal, async (client) => {
    if (id === undefined) {
      if (options.watch === true || options.cancel === true) throw new UsageError('name the job');
      const found: PrefetchJob__Output[] = [];
      for await (const page of pages((pageToken) => client.ask(prefetches.ListPrefetchJobs, { pageToken }))) {
        found.push(...page.jobs);
      }
      terminal.out(output === 'json' ? toJson(found.map(jobJson)) : jobTable(found));
      return 0;
    }
    if (options.cancel === true) {
      const { job } = await client.ask(prefetches.CancelPrefetchJob, { id });
      if (job !== null) terminal.out(output === 'json' ? toJson(jobJson(job)) : `job ${id} is ${stateOf(job.state)}`);
      return 0;
    }
    if (options.watch === true) return followJob(client, id, output, terminal);
    const { job } = await client.ask(prefetches.GetPrefetchJob, { id });
    if (job !== null) report(job, job.images, output, terminal);
    return 0;
  });
}

const jobTable = (jobs: readonly PrefetchJob__Output[]): string =>
  table(
    ['JOB', 'STATE', 'IMAGES', 'BY', 'CREATED', 'WHAT'],
    jobs.map((job) => [
      job.id,
      job.heldBack === null ? stateOf(job.state) : `held back by ${job.heldBack.upstream}`,
      job.imageCount,
      word('JOB_ORIGIN', job.origin),
      ago(job.createdAt),
      whatOf(job.spec?.images ?? []),
    ]),
  );

const whatOf = ([first = '', ...rest]: readonly string[]): string =>
  rest.length === 0 ? first : `${first} and ${counted(rest.length, 'more', 'more')}`;

const jobJson = (job: PrefetchJob__Output) => ({
  job: job.id,
  state: stateOf(job.state),
  origin: word('JOB_ORIGIN', job.origin),
  createdAt: iso(job.createdAt),
  startedAt: iso(job.startedAt),
  finishedAt: iso(job.finishedAt),
  images: job.spec?.images ?? [],
  imageCount: job.imageCount,
  heldBack: job.heldBack === null ? null : { ...job.heldBack, until: iso(job.heldBack.until) },
  error: job.error,
});
