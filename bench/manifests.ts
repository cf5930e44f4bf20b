/**
 * Manifests by tag and by digest, the commonest requests of all, over connections that stay open; nginx gives the same bytes
 * as a file of its own. What upstream is, a docker-registry too, matters to those that ask it for every tag.
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { DebianRegistry } from '../test/e2e/support/debian-registry.js';
import { checked } from './support/client.js';
import { bytesOf, digestOf } from './support/content.js';
import { interleaved, ratio } from './support/measure.js';
import { startNginx } from './support/nginx.js';
import { DISTRIBUTION, NGINX_CACHE, REGISTRY, SQUID, startPeers } from './support/peers.js';
import type { Bench, Recorder } from './support/recorder.js';
import { rounds, scaled } from './support/scale.js';
import { inBenchDir, startCistern, upload } from './support/servers.js';
import { notInstalled, pathOf, wrk } from './support/tools.js';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONNECTIONS = 32;
const SECONDS = scaled(4, 1);
const NGINX = 'nginx, a file';

interface Image {
  readonly digest: string;
  readonly body: Buffer;
}

export const manifests: Bench = async (record) => {
  if (pathOf('wrk') === undefined) record.skip('all sides', notInstalled('wrk'));
  else await inBenchDir((dir) => measure(record, dir));
};

async function measure(record: Recorder, dir: string): Promise<void> {
  const upstream = await DebianRegistry.start({ dir: join(dir, 'upstream') });
  const { digest, body } = await pushImage(upstream.url);
  const cistern = await startCistern(dir, upstream.url);
  const nginx = await startNginx(join(dir, 'nginx'));
  await writeFile(join(nginx.root, 'manifest'), body);
  const peers = await startPeers(record, [REGISTRY, DISTRIBUTION, NGINX_CACHE, SQUID], { dir, upstream: upstream.url });

  for (const [how, reference, wanted] of [
    ['tag', 'latest', 80],
    ['digest', digest, 30],
  ] as const) {
    const path = `/v2/bench/image/manifests/${reference}`;
    const urls = new Map([
      ['cistern', cistern.url + path],
      [NGINX, `${nginx.url}/manifest`],
      ...[...peers].map(([name, { url }]) => [name, url + path] as const),
    ]);
    for (const url of urls.values()) await checked(url, digest);
    const sides = [...urls].map(([name, url]) => ({ name, run: () => wrk(url, CONNECTIONS, SECONDS) }));
    const { rate, p99 } = await interleaved(rounds(3), ['rate', 'p99'], sides);
    const title = `Manifests by ${how}, ${CONNECTIONS} connections`;
    record.compare(title, 'req/s', rate, REGISTRY, { name: 'rate', axis: 'asked for by', x: how });
    record.compare(`${title}: p99`, 'ms', p99, REGISTRY, { name: 'p99', axis: 'asked for by', x: how });
    const what = `manifests by ${how}`;
    record.target(what, 'x docker-registry', { atLeast: wanted }, ratio(rate, 'cistern', REGISTRY));
    record.target(what, 'x nginx, a file', { atLeast: 0.5 }, ratio(rate, 'cistern', NGINX));
  }
}

/** A small image `bench/image:latest`; gives its manifest. */
async function pushImage(registry: string): Promise<Image> {
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
  return { digest: `sha256:${createHash('sha256').update(body).digest('hex')}`, body };
}
