/** The garbage collection service: the one collector, run on request, dry or not, and watched while it works. */
import type { CollectionEvent, CollectionReport, Collector } from '../cache/collect/collection.js';
import type { Clock } from '../lib/clock.js';
import type { Calls } from './calls.js';
import type { CollectGarbageResponse } from './gen/cistern/v1/CollectGarbageResponse.js';
import type { CollectionReport as ReportMessage } from './gen/cistern/v1/CollectionReport.js';
import type { GarbageCollectionServiceHandlers } from './gen/cistern/v1/GarbageCollectionService.js';
import { thinned } from './progress.js';
import { enumValue, timestampOf } from './values.js';

export function garbageCollectionService(
  collector: Collector,
  calls: Calls,
  clock: Clock,
): GarbageCollectionServiceHandlers {
  return {
    CollectGarbage: calls.stream(({ dryRun }, signal) => collect(collector, dryRun, clock, signal)),

    GetCollectorState: calls.unary(async () => {
      const { running, last, nextAt } = await collector.state();
      return {
        running:
          running === undefined
            ? null
            : {
                trigger: enumValue('COLLECTION_TRIGGER', running.trigger),
                dryRun: running.dryRun,
                startedAt: timestampOf(running.startedAt),
              },
        last: last === undefined ? null : reportMessage(last),
        nextAt: timestampOf(nextAt),
      };
    }),
  };
}

async function* collect(
  collector: Collector,
  dryRun: boolean,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<CollectGarbageResponse> {
  for await (const event of thinned(collector.run({ dryRun }, signal), clock)) yield eventMessage(event);
}

function eventMessage(event: CollectionEvent): CollectGarbageResponse {
  switch (event.kind) {
    case 'progress':
      return { progress: { phase: enumValue('COLLECTION_PHASE', event.phase), counts: { ...event.counts } } };
    case 'images':
      return {
        images: {
          images: event.images.map(({ reason, lastPulledAt, ...image }) => ({
            ...image,
            reason: enumValue('COLLECTION_REASON', reason),
            lastPulledAt: timestampOf(lastPulledAt),
          })),
        },
      };
    case 'report':
      return { report: reportMessage(event.report) };
  }
}

function reportMessage(report: CollectionReport): ReportMessage {
  const { dryRun, trigger, startedAt, durationMs, images, ...counts } = report;
  return {
    dryRun,
    trigger: enumValue('COLLECTION_TRIGGER', trigger),
    startedAt: timestampOf(startedAt),
    durationMs: Math.round(durationMs),
    images,
    counts,
  };
}
