/**
 * A stored blob over TLS, with the same key for all and a curl for each client. The processor time of a GiB is the fairer
 * figure: on few cores the rate is also that of the clients, who decipher.
 */
import { link } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../test/e2e/support/processes.js';
import { checked, warmed } from './support/client.js';
import { interleaved, secondsOf, type Side } from './support/measure.js';
import { startNginx, type TlsFiles } from './support/nginx.js';
import { DISTRIBUTION, REGISTRY, startPeers } from './support/peers.js';
import { processorSeconds } from './support/process-use.js';
import type { Bench } from './support/recorder.js';
import { rounds, scaled } from './support/scale.js';
import { BenchUpstream, inBenchDir, MIB, startCistern, storedFile } from './support/servers.js';
import { notInstalled, pathOf, pullSecurely } from './support/tools.js';

const SIZE = scaled(512, 4) * MIB;
const GIB = 1024 * MIB;

export const tlsBlob: Bench = async (record) => {
  const missing = ['openssl', 'curl'].find((program) => pathOf(program) === undefined);
  if (missing !== undefined) {
    record.skip('all sides', notInstalled(missing));
    return;
  }
  await inBenchDir(async (dir) => {
    const tls = await makeCertificate(dir);
    const upstream = await BenchUpstream.start();
    const digest = await upstream.blob(SIZE);
    const path = `/v2/bench/image/blobs/${digest}`;
    const registry = { listen: '127.0.0.1:0', tls: { certFile: tls.certificate, keyFile: tls.key } };
    const cistern = await startCistern(dir, upstream.url, { registry });
    const own = `https://${cistern.host}${path}`;
    await warmed(own);
    const nginx = await startNginx(join(dir, 'nginx'), { tls });
    await link(storedFile(dir, digest), join(nginx.root, 'blob'));
    const peers = await startPeers(record, [REGISTRY, DISTRIBUTION], { dir, upstream: upstream.url, tls });
    for (const url of [`${nginx.url}/blob`, ...[...peers.values()].map((peer) => peer.url + path)]) {
      await checked(url, digest);
    }
    for (const clients of [1, 4]) {
      const side = (name: string, url: string, pid: number): Side<'rate' | 'cost'> => ({
        name,
        run: async () => {
          const before = processorSeconds(pid);
          const seconds = await secondsOf(() => pullSecurely(url, clients, SIZE));
          const cost = (processorSeconds(pid) - before) / ((clients * SIZE) / GIB);
          return { rate: (clients * SIZE) / MIB / seconds, cost };
        },
      });
      const sides = [
        side('cistern', own, cistern.pid!),
        side('nginx, a file', `${nginx.url}/blob`, nginx.pid),
        ...[...peers].map(([name, { url, pid }]) => side(name, url + path, pid)),
      ];
      const { rate, cost } = await interleaved(rounds(5), ['rate', 'cost'], sides);
      const title = `Warm blob of 512 MiB over TLS, ${clients} client${clients === 1 ? '' : 's'}`;
      record.compare(title, 'MiB/s', rate, REGISTRY, { name: 'rate', axis: 'clients', x: clients });
      const plot = { name: 'processor', axis: 'clients', x: clients };
      record.compare(`${title}: processor time`, 's a GiB', cost, REGISTRY, plot);
    }
  });
};

async function makeCertificate(dir: string): Promise<TlsFiles> {
  const [certificate, key] = [join(dir, 'tls.crt'), join(dir, 'tls.key')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', key, '-out', certificate];
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files]);
  return { certificate, key };
}
