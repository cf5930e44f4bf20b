/** `cistern prefetch`: makes a job and follows it to its end. The job is the daemon's: leaving does not stop it. */
import { randomUUID } from 'node:crypto';
import type { PrefetchedImage__Output } from '../control/gen/cistern/v1/PrefetchedImage.js';
import type { PrefetchJob__Output } from '../control/gen/cistern/v1/PrefetchJob.js';
import type { PrefetchSpec } from '../control/gen/cistern/v1/PrefetchSpec.js';
import { prefetches, type ControlClient } from './client.js';
import { counted } from '../lib/counted.js';
import { bytes, shortDigest, table } from './format.js';
import { toJson, type ExitCode, type OutputFormat, type Terminal } from './output.js';
import { noView, prefetchView, stateOf } from './prefetch-view.js';
import { withDaemon, type LiveTerminal, type SessionOptions } from './session.js';

export interface PrefetchOptions extends SessionOptions {
  readonly platform?: readonly string[];
  readonly allPlatforms?: boolean;
  readonly attestations?: boolean;
  readonly signatures?: boolean;
  readonly referrers?: boolean;
  readonly detach?: boolean;
  readonly dryRun?: boolean;
  /** Makes a retry of the command safe. */
  readonly requestId?: string;
}

/** Asks upstream for a manifest of each image, which may be slow. */
const PLAN_TIMEOUT_MS = 600_000;
/** What shells expect after Ctrl-C. */
const INTERRUPTED = 130;

export function prefetch(
  images: readonly string[],
  options: PrefetchOptions,
  terminal: LiveTerminal,
): Promise<ExitCode> {
  const spec: PrefetchSpec = {
    images: [...images],
    platforms: [...(options.platform ?? [])],
    allPlatforms: options.allPlatforms ?? false,
    attestations: options.attestations ?? false,
    signatures: options.signatures ?? false,
    referrers: options.referrers ?? false,
  };
  return withDaemon(options, terminal, async (client) => {
    if (options.dryRun === true) return plan(client, spec, options.output, terminal);
    const requestId = options.requestId ?? randomUUID();
    const { job } = await client.ask(prefetches.CreatePrefetchJob, { spec, requestId });
    if (job === null) throw new Error('the daemon made no job');
    if (options.detach === true) return detached(job, options.output, terminal);
    return followJob(client, job.id, options.output, terminal);
  });
}

async function plan(
  client: ControlClient,
  spec: PrefetchSpec,
  output: OutputFormat,
  terminal: Terminal,
): Promise<ExitCode> {
  const { images, bytesMissing } = await client.ask(prefetches.PlanPrefetch, { spec }, PLAN_TIMEOUT_MS);
  if (output === 'json') {
    const planned = images.map(({ bytesTotal, ...image }) => ({
      ...image,
      bytesFetched: 0,
      bytesReused: bytesTotal - image.bytesMissing,
      state: 'queued',
    }));
    terminal.out(toJson({ dryRun: true, bytesMissing, images: planned }));
    return 0;
  }
  const rows = images.map((image) => [
    image.reference,
    image.platforms.join(' '),
    image.blobs,
    bytes(image.bytesTotal),
    bytes(image.bytesMissing),
  ]);
  terminal.out(table(['IMAGE', 'PLATFORMS', 'BLOBS', 'SIZE', 'MISSING'], rows));
  terminal.out(`${bytes(bytesMissing)} would be fetched`);
  return 0;
}

function detached(job: PrefetchJob__Output, output: OutputFormat, terminal: Terminal): ExitCode {
  if (output === 'json') {
    const images = (job.spec?.images ?? []).map((reference) => ({
      reference,
      digest: null,
      platforms: job.spec?.platforms ?? [],
      blobs: 0,
      bytesFetched: 0,
      bytesReused: 0,
      state: 'queued',
    }));
    terminal.out(toJson({ job: job.id, state: stateOf(job.state), images }));
  } else terminal.out(`job ${job.id} is ${stateOf(job.state)}; \`cistern jobs ${job.id} --watch\` follows it`);
  return 0;
}

/** Until the job has ended: 0 when it succeeded, else 1. */
export async function followJob(
  client: ControlClient,
  id: string,
  output: OutputFormat,
  terminal: LiveTerminal,
): Promise<ExitCode> {
  const view =
    output === 'json' && terminal.screen === undefined ? noView : prefetchView(terminal.screen, terminal.err);
  const images: PrefetchedImage__Output[] = [];
  let last: PrefetchJob__Output | undefined;
  const leave = () => {
    view.end();
    terminal.err(`cistern: job ${id} goes on; \`cistern jobs ${id} --watch\` follows it, --cancel ends it`);
    process.exit(INTERRUPTED);
  };
  process.once('SIGINT', leave);
  try {
    for await (const { job } of client.follow(prefetches.WatchPrefetchJob, { id })) {
      if (job === null) continue;
      for (const image of job.images) images[image.index] = image;
      view.update(job);
      last = job;
    }
  } finally {
    process.off('SIGINT', leave);
    view.end();
  }
  if (last === undefined) throw new Error('the daemon said nothing of the job');
  return report(last, images, output, terminal);
}

export function report(
  job: PrefetchJob__Output,
  images: readonly PrefetchedImage__Output[],
  output: OutputFormat,
  terminal: Terminal,
): ExitCode {
  const state = stateOf(job.state);
  if (output === 'json') {
    terminal.out(toJson({ job: job.id, state, error: job.error, images: images.map(imageJson) }));
  } else {
    const rows = images.map((image) => [
      image.reference,
      image.digest === undefined ? '' : shortDigest(image.digest),
      image.platforms.join(' '),
      image.blobs,
      bytes(image.bytesFetched),
      bytes(image.bytesReused),
      stateOf(image.state),
    ]);
    terminal.out(table(['IMAGE', 'DIGEST', 'PLATFORMS', 'BLOBS', 'FETCHED', 'REUSED', 'STATE'], rows));
    const failed = images.filter((image) => stateOf(image.state) === 'failed');
    for (const image of failed) terminal.err(`cistern: ${image.reference}: ${image.error?.message ?? 'failed'}`);
    if (job.error !== null) terminal.err(`cistern: ${job.error.message}`);
    else if (failed.length > 0) terminal.err(`cistern: ${counted(failed.length, 'image')} could not be fetched`);
  }
  return state === 'succeeded' ? 0 : 1;
}

const imageJson = (image: PrefetchedImage__Output) => ({
  reference: image.reference,
  digest: image.digest ?? null,
  platforms: image.platforms,
  blobs: image.blobs,
  bytesFetched: image.bytesFetched,
  bytesReused: image.bytesReused,
  state: stateOf(image.state),
  ...(image.error !== null && { error: image.error }),
});
