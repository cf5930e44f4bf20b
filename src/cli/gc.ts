/** `cistern gc`: runs the collector, or says with `--dry-run` what it would do and why. */
import type { CollectedImage__Output } from '../control/gen/cistern/v1/CollectedImage.js';
import type { CollectionReport__Output } from '../control/gen/cistern/v1/CollectionReport.js';
import { garbageCollection, type ControlClient } from './client.js';
import { counted } from '../lib/counted.js';
import { ago, bytes, duration, iso, table, word } from './format.js';
import { toJson, type ExitCode, type Terminal } from './output.js';
import { statusLine } from './status-line.js';
import { withDaemon, type LiveTerminal, type SessionOptions } from './session.js';

export interface GcOptions extends SessionOptions {
  readonly dryRun?: boolean;
  /** Runs nothing: tells of the run under way, the last one and the next. */
  readonly status?: boolean;
}

export function gc(options: GcOptions, terminal: LiveTerminal): Promise<ExitCode> {
  return withDaemon(options, terminal, (client) =>
    options.status === true ? showState(client, options, terminal) : collect(client, options, terminal),
  );
}

async function collect(client: ControlClient, options: GcOptions, terminal: LiveTerminal): Promise<ExitCode> {
  const images: CollectedImage__Output[] = [];
  let report: CollectionReport__Output | undefined;
  const line = statusLine(terminal.screen);
  try {
    const request = { dryRun: options.dryRun ?? false };
    for await (const { progress, ...event } of client.follow(garbageCollection.CollectGarbage, request)) {
      images.push(...(event.images?.images ?? []));
      report = event.report ?? report;
      const phase = word('COLLECTION_PHASE', progress?.phase ?? '');
      if (progress?.counts) {
        const { scannedBlobs, sweptBlobs } = progress.counts;
        line.show(`${phase}: ${counted(scannedBlobs, 'blob')} looked at, ${sweptBlobs} to go`);
      }
    }
  } finally {
    line.end();
  }
  if (report === undefined) throw new Error('the daemon ended the run without a report');
  if (options.output === 'json') terminal.out(toJson(reportJson(report, images)));
  else printReport(report, images, terminal);
  return 0;
}

function printReport(
  report: CollectionReport__Output,
  images: readonly CollectedImage__Output[],
  terminal: Terminal,
): void {
  if (images.length > 0) {
    const rows = images.map((image) => [
      image.reference,
      word('COLLECTION_REASON', image.reason),
      ago(image.lastPulledAt),
      bytes(image.bytes),
    ]);
    terminal.out(table(['IMAGE', 'REASON', 'LAST PULLED', 'FREES'], rows));
  }
  const { sweptBlobs = 0, sweptBytes = 0, leftoverFiles = 0, keptByGrace = 0 } = report.counts ?? {};
  const verb = report.dryRun ? 'would go' : 'went';
  const kept = keptByGrace === 0 ? '' : `; ${counted(keptByGrace, 'blob')} kept by the grace period`;
  const leftovers = leftoverFiles === 0 ? '' : ` and ${counted(leftoverFiles, 'leftover file')}`;
  terminal.out(
    `${counted(report.images, 'image')}, ${counted(sweptBlobs, 'blob')} (${bytes(sweptBytes)})${leftovers} ${verb} in ${duration(report.durationMs)}${kept}`,
  );
}

async function showState(client: ControlClient, { output }: GcOptions, terminal: Terminal): Promise<ExitCode> {
  const { running, last, nextAt } = await client.ask(garbageCollection.GetCollectorState, {});
  if (output === 'json') {
    const now = running && {
      trigger: word('COLLECTION_TRIGGER', running.trigger),
      dryRun: running.dryRun,
      startedAt: iso(running.startedAt),
    };
    terminal.out(toJson({ running: now, last: last && reportJson(last, []), nextAt: iso(nextAt) }));
    return 0;
  }
  terminal.out(running ? `running since ${ago(running.startedAt)}` : 'not running');
  if (last)
    printReport(last, [], { ...terminal, out: (line) => terminal.out(`last, ${ago(last.startedAt)}: ${line}`) });
  if (nextAt) terminal.out(`next at ${iso(nextAt) ?? ''}`);
  return 0;
}

const reportJson = (report: CollectionReport__Output, images: readonly CollectedImage__Output[]) => ({
  dryRun: report.dryRun,
  scannedBlobs: report.counts?.scannedBlobs ?? 0,
  reachableBlobs: report.counts?.reachableBlobs ?? 0,
  sweptBlobs: report.counts?.sweptBlobs ?? 0,
  sweptBytes: report.counts?.sweptBytes ?? 0,
  keptByGrace: report.counts?.keptByGrace ?? 0,
  leftoverFiles: report.counts?.leftoverFiles ?? 0,
  leftoverBytes: report.counts?.leftoverBytes ?? 0,
  images: images.map(({ reference, digest, reason, bytes: freed, lastPulledAt }) => ({
    reference,
    digest,
    reason: word('COLLECTION_REASON', reason),
    bytes: freed,
    lastPulledAt: iso(lastPulledAt),
  })),
  trigger: word('COLLECTION_TRIGGER', report.trigger),
  startedAt: iso(report.startedAt),
  durationMs: report.durationMs,
});
