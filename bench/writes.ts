/** What writers wait for: turns of the index's queue, each with a record of its own that is synced before it resolves. */
import { join } from 'node:path';
import { keys } from '../src/catalog/keys.js';
import { StoredRecords } from '../src/catalog/stored-records.js';
import { WriteQueue } from '../src/catalog/write-queue.js';
import { createLog } from '../src/lib/log.js';
import { LevelMetadataStore } from '../src/metadata/level-metadata-store.js';
import { digestOf } from '../src/oci/digest.js';
import { interleaved } from './support/measure.js';
import type { Bench } from './support/recorder.js';
import { rounds, scaled } from './support/scale.js';
import { inBenchDir } from './support/servers.js';

const SECONDS = scaled(2, 0.1);
const ALONE = '1 writer';

export const writes: Bench = (record) =>
  inBenchDir(async (dir) => {
    const { logger: log } = createLog({ level: 'warn', format: 'json' });
    const store = await LevelMetadataStore.open({ dir: join(dir, 'index'), log });
    const records = new StoredRecords(store);
    const queue = new WriteQueue({ store, records, check: () => Promise.resolve(), changed: () => undefined });
    const side = (writers: number) => ({
      name: writers === 1 ? ALONE : `${writers} writers`,
      run: async () => ({ rate: (await turnsOf(queue, writers)) / SECONDS }),
    });
    const { rate } = await interleaved(rounds(5), ['rate'], [1, 8, 32, 128].map(side));
    record.compare('Turns of the index, each synced', 'turns/s', rate, ALONE);
    await store.close();
  });

async function turnsOf(queue: WriteQueue, writers: number): Promise<number> {
  let turns = 0;
  const until = performance.now() + SECONDS * 1000;
  const write = async (writer: number) => {
    const key = keys.manifest(digestOf(Buffer.from(`${writer}`)));
    for (; performance.now() < until; turns++) await queue.turn((tx) => tx.put(key, { children: [] }));
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  return turns;
}
