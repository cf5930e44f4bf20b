/**
 * A registry that is as fast as Node allows, as a process of its own: blobs come from memory, nothing is checked.
 * /bench/blob?seed=&size=, /bench/blobs?seed=&count=&size= and /bench/image?name=&seed=&layers=&size= make content;
 * /bench/sent counts what left.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesOf, digestOf, type Blob } from './content.js';

/** Bytes a second on each connection; 0 is unlimited. */
const rate = Number(process.argv[2] ?? '0');
/** The same over all connections together. */
const total = Number(process.argv[3] ?? '0');
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

const blobs = new Map<string, Blob>();
const manifests = new Map<string, { readonly digest: string; readonly bytes: Buffer }>();
let sent = 0;
/** When all that was sent so far would have left at `total`. */
let due = 0;

function make(blob: Blob): string {
  const digest = digestOf(blob);
  blobs.set(digest, blob);
  return digest;
}

function makeImage(name: string, seed: string, count: number, size: number): string {
  const described = (mediaType: string, blob: Blob) => ({ mediaType, digest: make(blob), size: blob.size });
  const config = described('application/vnd.oci.image.config.v1+json', { seed: `${seed} config`, size: 1000 });
  const layer = (index: number) =>
    described('application/vnd.oci.image.layer.v1.tar', { seed: `${seed} ${index}`, size });
  const layers = Array.from({ length: count }, (_, index) => layer(index));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers }));
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  for (const reference of ['latest', digest]) manifests.set(`${name}/${reference}`, { digest, bytes });
  return digest;
}

async function sendBlob(request: IncomingMessage, response: ServerResponse, digest: string): Promise<void> {
  const blob = blobs.get(digest);
  if (!blob) {
    response.writeHead(404).end();
    return;
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = Number(range?.[1] ?? 0);
  const end = range?.[2] ? Math.min(Number(range[2]) + 1, blob.size) : blob.size;
  response.writeHead(range ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': end - start,
    'docker-content-digest': digest,
    ...(range && { 'content-range': `bytes ${start}-${end - 1}/${blob.size}` }),
  });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const began = performance.now();
  let written = 0;
  for (const piece of bytesOf(blob, start, end)) {
    const step = rate > 0 || total > 0 ? 128 * 1024 : piece.length;
    for (let at = 0; at < piece.length; at += step) {
      const part = piece.subarray(at, at + step);
      written += part.length;
      sent += part.length;
      if (!response.write(part)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      if (response.destroyed) return;
      const now = performance.now();
      if (total > 0) due = Math.max(due, now) + (part.length / total) * 1000;
      const early = Math.max(rate > 0 ? (written / rate) * 1000 - (now - began) : 0, due - now);
      if (early > 1) await sleep(early);
    }
  }
  response.end();
}

function answer(request: IncomingMessage, response: ServerResponse): Promise<void> | void {
  const url = new URL(request.url ?? '/', 'http://bench');
  const asked = (name: string) => url.searchParams.get(name) ?? '';
  if (url.pathname === '/bench/sent') return void response.end(String(sent));
  if (url.pathname === '/bench/blob')
    return void response.end(make({ seed: asked('seed'), size: Number(asked('size')) }));
  if (url.pathname === '/bench/blobs') {
    const seeds = Array.from({ length: Number(asked('count')) }, (_, number) => `${asked('seed')} ${number}`);
    return void response.end(seeds.map((seed) => make({ seed, size: Number(asked('size')) })).join(','));
  }
  if (url.pathname === '/bench/image') {
    return void response.end(makeImage(asked('name'), asked('seed'), Number(asked('layers')), Number(asked('size'))));
  }
  if (url.pathname === '/v2/') return void response.end('{}');
  const [, name, kind, reference = ''] = /^\/v2\/(.+)\/(blobs|manifests)\/([^/]+)$/.exec(url.pathname) ?? [];
  if (kind === 'blobs') return sendBlob(request, response, reference);
  const manifest = kind === 'manifests' ? manifests.get(`${name}/${reference}`) : undefined;
  if (!manifest) return void response.writeHead(404).end();
  const headers = {
    'content-type': MANIFEST,
    'content-length': manifest.bytes.length,
    'docker-content-digest': manifest.digest,
  };
  response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : manifest.bytes);
}

const server = createServer((request, response) => void answer(request, response));
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`));
