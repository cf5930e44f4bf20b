/** A blob that is stored: Cistern beside Debian's docker-registry and nginx, for one client and for eight. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DebianRegistry } from '../test/e2e/support/debian-registry.js';
import { until } from '../test/e2e/support/processes.js';
import { outcomeOf, pull } from './support/client.js';
import { bytesOf, digestOf } from './support/content.js';
import { interleaved, report, secondsOf } from './support/measure.js';
import { inBenchDir, MIB, startCistern, startNginx, upload } from './support/servers.js';

export const warmBlob = (): Promise<void> =>
  inBenchDir(async (dir) => {
    const blob = { seed: 'warm', size: 256 * MIB };
    const digest = digestOf(blob);
    const bytes = Buffer.concat([...bytesOf(blob)]);
    const path = `/v2/bench/image/blobs/${digest}`;

    const registry = await DebianRegistry.start({ dir: join(dir, 'registry') });
    await upload(registry.url, 'bench/image', bytes, digest);
    const nginx = await startNginx(dir);
    await writeFile(join(dir, 'www/blob'), bytes);
    const cistern = await startCistern(dir, registry.url);
    await pull(cistern.url + path);
    await until(async () => (await outcomeOf(cistern.url + path)).startsWith('cistern; hit'), 'the blob to be a hit');

    for (const clients of [1, 8]) {
      const rate = async (url: string) => {
        const seconds = await secondsOf(() => Promise.all(Array.from({ length: clients }, () => pull(url))));
        return (clients * blob.size) / MIB / seconds;
      };
      const medians = await interleaved(clients === 1 ? 11 : 5, [
        { name: 'docker-registry', run: () => rate(registry.url + path) },
        { name: 'nginx', run: () => rate(`${nginx.url}/blob`) },
        { name: 'cistern', run: () => rate(cistern.url + path) },
      ]);
      report(`Warm blob of 256 MiB, ${clients} client${clients === 1 ? '' : 's'}`, 'MiB/s', medians, 'docker-registry');
    }
  });
