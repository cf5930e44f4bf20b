/**
 * `npm run bench` measures everything, `npm run bench -- NAME…` some of it. Read the ratios: the sides of each comparison
 * took turns on the same machine in the same minutes. The absolute figures say as much about the machine as about Cistern.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { coldPull, coldPullThrottled } from './cold.js';
import { firstByte } from './first-byte.js';
import { herd } from './herd.js';
import { limits } from './limits.js';
import { memoryOfReaders, memoryOverPulls } from './memory.js';
import { metricsCost } from './metrics.js';
import { statisticsCost } from './statistics.js';
import { prefetch } from './prefetch.js';
import { rebuild } from './rebuild.js';
import { print } from './support/measure.js';
import { manifests } from './tags.js';
import { warmBlob } from './warm.js';

const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  'cold-pull': coldPull,
  'cold-pull-throttled': coldPullThrottled,
  'first-byte': firstByte,
  herd,
  'warm-blob': warmBlob,
  manifests,
  statistics: statisticsCost,
  metrics: metricsCost,
  prefetch,
  rebuild,
  'memory-readers': memoryOfReaders,
  'memory-pulls': memoryOverPulls,
  limits,
};
const LIMIT = 5 * 60_000;

const named = process.argv.slice(2);
const unknown = named.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) fail(`no bench called ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`);
if (!existsSync(join(import.meta.dirname, '../dist/main.js'))) fail('nothing built yet: npm run build');

for (const name of named.length > 0 ? named : Object.keys(BENCHES)) {
  const limit = setTimeout(() => fail(`${name} took longer than ${LIMIT / 60_000} minutes`), LIMIT);
  await BENCHES[name]!();
  clearTimeout(limit);
  print('');
}

function fail(message: string): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(1);
}
