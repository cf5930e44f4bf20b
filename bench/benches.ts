/** All benches, in the order of docs/performance.md: those that have peers, and those of Cistern alone. */
import { coldPull, coldPullThrottled } from './cold.js';
import { firstByte } from './first-byte.js';
import { growth } from './growth.js';
import { habits } from './habits.js';
import { herd } from './herd.js';
import { limits } from './limits.js';
import { manifests } from './manifests.js';
import { memoryOfReaders, memoryOverPulls } from './memory.js';
import { metricsCost } from './metrics.js';
import { prefetch } from './prefetch.js';
import { coldRanged } from './ranged.js';
import { rebuild } from './rebuild.js';
import { smallBlobs } from './small-blobs.js';
import { statisticsCost } from './statistics.js';
import type { Bench } from './support/recorder.js';
import { tlsBlob } from './tls.js';
import { warmBlob } from './warm.js';
import { writes } from './writes.js';

interface Entry {
  /** Its heading in the document. */
  readonly title: string;
  readonly run: Bench;
}

export const COMPARISONS: Readonly<Record<string, Entry>> = {
  manifests: { title: 'Manifests', run: manifests },
  'warm-blob': { title: 'Stored blobs', run: warmBlob },
  'small-blobs': { title: '10,000 small blobs', run: smallBlobs },
  tls: { title: 'TLS', run: tlsBlob },
  'cold-pull': { title: 'Cold pulls', run: coldPull },
  'cold-pull-throttled': { title: 'Cold pulls from a slower upstream', run: coldPullThrottled },
  'cold-ranged': { title: 'Cold pulls over several connections', run: coldRanged },
  'first-byte': { title: 'First byte', run: firstByte },
  herd: { title: 'Herds', run: herd },
  habits: { title: 'Clients of different habits', run: habits },
  prefetch: { title: 'Prefetch', run: prefetch },
  'memory-readers': { title: 'Memory under readers', run: memoryOfReaders },
  'memory-pulls': { title: 'Memory over pulls', run: memoryOverPulls },
};

/** These run only when they are named: they take long, or what they compare is Cistern with itself. */
export const ALONE: Readonly<Record<string, Entry>> = {
  growth: { title: 'As the index grows', run: growth },
  rebuild: { title: 'Rebuild of a lost index', run: rebuild },
  writes: { title: 'Writes to the index', run: writes },
  statistics: { title: 'What statistics cost', run: statisticsCost },
  metrics: { title: 'What metrics cost', run: metricsCost },
  limits: { title: 'What other means would bring', run: limits },
};

export const BENCHES: Readonly<Record<string, Entry>> = { ...COMPARISONS, ...ALONE };
