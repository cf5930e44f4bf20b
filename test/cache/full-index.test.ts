/** Pulls while the index takes no writes, because its disk is full: what is stored is served, whatever could be noted. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PullThrough, type PullThroughParts } from '../../src/cache/pull-through.js';
import type { UpstreamPolicy } from '../../src/cache/upstream-entry.js';
import { FilesystemBlobStore } from '../../src/content/filesystem-blob-store.js';
import { KeyedMutex } from '../../src/lib/async.js';
import { RegistryUpstream } from '../../src/upstream/registry-upstream.js';
import { collect, never, openArea } from '../content/support.js';
import { memoryCatalog, repository, silent, tag } from '../support/catalogs.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { makeImage, makeIndex } from '../support/images.js';
import { temporaryDirectory, type Scope } from '../support/tmp.js';

const APP = repository('team/app', 'up.test');

/** Asks upstream about every tag and every link, so that there is something to note each time. */
const policy: UpstreamPolicy = {
  permits: () => true,
  tagTtl: 0,
  revalidateTimeout: 5000,
  negativeTtl: 0,
  staleIfError: 0,
  staleIfGone: 0,
  linkTtl: 0,
  credentialed: true,
};

async function scene(t: Scope) {
  const root = await temporaryDirectory(t);
  const registry = await FakeRegistry.start(t);
  const { catalog, store: index, clock } = await memoryCatalog(t);
  const { area, budget } = await openArea(root, { clock });
  const store = await FilesystemBlobStore.open({
    dir: `${root}/blobs`,
    quarantineDir: `${root}/quarantine`,
    budget,
    log: silent,
  });
  const upstream = RegistryUpstream.open({
    name: APP.upstream,
    url: registry.url,
    auth: { type: 'anonymous' },
    realms: [],
    connectTimeout: 5000,
    responseTimeout: 5000,
    maxConnections: 4,
    allowNetworks: ['127.0.0.0/8'],
    ownListeners: () => [],
    clock,
    log: silent,
  });
  t.after(() => upstream.close());
  const parts: PullThroughParts = {
    spools: area,
    store,
    catalog,
    digestLocks: new KeyedMutex(),
    makeRoom: () => Promise.resolve(false),
    count: { fetched: () => undefined, received: () => undefined },
    clock,
    log: silent,
  };
  const cache = new PullThrough(parts, new Map([[APP.upstream, { upstream, policy }]]));
  t.after(() => cache.close(AbortSignal.abort()));
  const fill = () => {
    index.hasSpace = false;
    index.failNextWrite('full');
  };
  const manifest = async (reference: Parameters<typeof cache.manifest>[1]) =>
    (await cache.manifest(APP, reference, 'body', never())).bytes;
  return { registry, clock, cache, fill, manifest };
}

describe('a pull while the index is full', () => {
  it('by digest, of a manifest that came as the child of another, is answered with it', async (t) => {
    const { registry, fill, manifest } = await scene(t);
    const index = makeIndex({ seed: 'children' });
    registry.push(APP.name, index, 'v1');
    await manifest(index.images[0]!.digest);
    fill();
    assert.deepEqual(await manifest(index.images[0]!.digest), index.images[0]!.bytes);
    assert.deepEqual(await manifest(index.images[0]!.digest), index.images[0]!.bytes, 'and again');
  });

  it('by a tag that has moved to another stored manifest is answered with that', async (t) => {
    const { registry, fill, manifest } = await scene(t);
    const [old, young] = [makeImage({ seed: 'old' }), makeImage({ seed: 'young' })];
    registry.push(APP.name, young, 'v2');
    registry.push(APP.name, old, 'v1');
    assert.deepEqual(await manifest(tag('v1')), old.bytes);
    assert.deepEqual(await manifest(tag('v2')), young.bytes);
    registry.tag(APP.name, 'v1', young);
    fill();
    assert.deepEqual(await manifest(tag('v1')), young.bytes);
  });

  it('of a blob whose link has to be confirmed is answered with it', async (t) => {
    const { registry, clock, fill, cache } = await scene(t);
    const image = makeImage({ seed: 'link' });
    registry.push(APP.name, image, 'v1');
    const { digest, bytes } = image.layers[0]!;
    const read = async () => {
      const { body } = await cache.blob(APP, digest, () => undefined, never());
      return collect(body);
    };
    assert.deepEqual(await read(), bytes);
    await clock.advance(3_600_000);
    fill();
    assert.deepEqual(await read(), bytes);
  });
});
