/** Manifests by tag and by digest, the commonest requests of all, beside docker-registry as a pull-through cache. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { request } from 'undici';
import { DebianRegistry } from '../test/e2e/support/debian-registry.js';
import { requestsPerSecond } from './support/client.js';
import { bytesOf, digestOf } from './support/content.js';
import { interleaved, report } from './support/measure.js';
import { inBenchDir, startCistern, upload } from './support/servers.js';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

export const manifests = (): Promise<void> =>
  inBenchDir(async (dir) => {
    const registry = await DebianRegistry.start({ dir: join(dir, 'registry') });
    const digest = await pushImage(registry.url);
    const proxy = await DebianRegistry.start({ dir: join(dir, 'proxy'), proxyOf: registry.url });
    const cistern = await startCistern(dir, registry.url);

    for (const [how, reference] of [
      ['tag', 'latest'],
      ['digest', digest],
    ] as const) {
      const path = `/v2/bench/image/manifests/${reference}`;
      await Promise.all([requestsPerSecond(proxy.url + path, 1, 0.2), requestsPerSecond(cistern.url + path, 1, 0.2)]);
      const medians = await interleaved(3, [
        { name: 'docker-registry, proxy', run: () => requestsPerSecond(proxy.url + path, 32, 3) },
        { name: 'cistern', run: () => requestsPerSecond(cistern.url + path, 32, 3) },
      ]);
      report(`Manifests by ${how}, 32 connections`, 'req/s', medians, 'docker-registry, proxy');
    }
  });

/** A small image `bench/image:latest`; gives the digest of its manifest. */
async function pushImage(registry: string): Promise<string> {
  const push = async (mediaType: string, seed: string, size: number) => {
    const digest = digestOf({ seed, size });
    await upload(registry, 'bench/image', Buffer.concat([...bytesOf({ seed, size })]), digest);
    return { mediaType, digest, size };
  };
  const config = await push('application/vnd.oci.image.config.v1+json', 'config', 1000);
  const layers = [await push('application/vnd.oci.image.layer.v1.tar', 'layer', 50_000)];
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers }));
  const url = `${registry}/v2/bench/image/manifests/latest`;
  const done = await request(url, { method: 'PUT', body, headers: { 'content-type': MANIFEST } });
  if (done.statusCode !== 201) throw new Error(`manifest: ${done.statusCode} ${await done.body.text()}`);
  await done.body.dump();
  return `sha256:${createHash('sha256').update(body).digest('hex')}`;
}
