/**
 * Every client, every kind of image, every weather: what arrives is, bit for bit, what upstream holds. The clients are
 * configured with exactly what `cistern mirror-config` prints. docs/clients.md has a table of the outcome, which this run
 * compares, or writes with WRITE_DOCS=1. CLIENT=podman tries only that one.
 */
import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FakeRegistry, type Which } from '../../support/fake-registry.js';
import { agreesWithDocument } from '../../support/documents.js';
import type { Scope } from '../../support/tmp.js';
import { Cistern } from '../support/cistern.js';
import { command } from '../support/command.js';
import { scratch } from '../support/images.js';
import { type Client, keptBy, type RunningClient, TAGS, wantedBy } from './client.js';
import { containerd, parallelContainerd } from './containerd.js';
import { buildah, podman } from './containers-storage.js';
import { docker } from './docker.js';
import { KINDS, TAG, type TaggedImage } from './images.js';
import { crane, oras, regctl } from './layouts.js';
import { missing } from './programs.js';
import { REPLAYED } from './replayed.js';
import { Results, type Scenario, table } from './results.js';
import { skopeo } from './skopeo.js';

const REAL = [docker, containerd, parallelContainerd, podman, buildah, skopeo, crane, regctl, oras];
const ALL: readonly Client[] = [...REAL, ...REPLAYED];
const CHOSEN = process.env.CLIENT;
const CLIENTS = ALL.filter(({ name }) => CHOSEN === undefined || name === CHOSEN);
const kinds = Object.keys(KINDS) as (keyof typeof KINDS)[];
const results = new Results(kinds);

/** A client, its Cistern, and the registry behind both. */
class Scene implements Scope {
  registry!: FakeRegistry;
  cistern!: Cistern;
  #running!: RunningClient;
  readonly #client: Client;
  readonly #endings: (() => void | Promise<void>)[] = [];

  constructor(client: Client) {
    this.#client = client;
  }

  after(end: () => void | Promise<void>): void {
    this.#endings.unshift(end);
  }

  async start(): Promise<void> {
    const dir = await scratch();
    this.after(() => rm(dir, { recursive: true, force: true }));
    this.registry = await FakeRegistry.start(this);
    const upstream = { name: 'docker.io', url: this.registry.url, default: true, tagTtl: '0s' };
    this.cistern = await Cistern.start({ dir, upstreams: [{ ...upstream, allowNetworks: ['127.0.0.0/8'] }] });
    this.after(async () => {
      await this.cistern.stop();
    });
    const printed = await command(['mirror-config', this.#client.configuredAs, '--url', this.cistern.url]);
    assert.equal(printed.code, 0, printed.stderr);
    const place = { dir: join(dir, 'client'), url: this.cistern.url, config: printed.stdout };
    await mkdir(place.dir);
    this.#running = await this.#client.start(place);
    this.after(() => this.#running.stop());
  }

  async end(): Promise<void> {
    for (const end of this.#endings) await end();
  }

  push(images: readonly TaggedImage[]): void {
    for (const { repository, top, images: platforms } of images) {
      for (const image of platforms) this.registry.push(repository, image);
      this.registry.addManifest(repository, top, TAG);
    }
  }

  /** Pulls, compares what arrived, and waits until Cistern, too, has all of it. */
  async pull(images: readonly TaggedImage[], upstreamAnswers = true): Promise<void> {
    const arrived = await this.#running.pull(images.map(({ repository }) => ({ repository, tag: TAG })));
    const expected = images.flatMap((image) => keptBy(this.#client, image));
    const tags = this.#client.listsTags && upstreamAnswers ? [TAGS] : [];
    assert.deepEqual([...new Set(arrived)].sort(), [...new Set([...expected, ...tags])].sort());
    await this.cistern.stored(images.flatMap((image) => wantedBy(this.#client, image)));
  }
}

function suite(client: Client): void {
  const scene = new Scene(client);
  const images = new Map<string, readonly TaggedImage[]>();
  before(async () => {
    for (const kind of kinds) images.set(kind, await KINDS[kind]('pulled'));
    await scene.start();
  });
  after(() => scene.end());

  const trial = (scenario: Scenario, title: string, work: (kind: keyof typeof KINDS) => Promise<void>) => {
    for (const kind of kinds) {
      it(`${title}: ${kind}`, () => results.record(client, scenario, kind, () => work(kind)));
    }
  };

  trial('cold', 'gets an image that is not here yet, and upstream is asked once for each blob', async (kind) => {
    const pulled = images.get(kind)!;
    scene.push(pulled);
    await scene.pull(pulled);
    for (const image of pulled) {
      const wanted = new Set(wantedBy(client, image));
      for (const { digest } of image.images.flatMap(({ blobs }) => blobs)) {
        const times = wanted.has(digest) ? 1 : 0;
        assert.equal(scene.registry.count({ kind: 'blob', method: 'GET', reference: digest }), times, digest);
      }
    }
  });

  if (client === parallelContainerd) {
    it('fetched a long layer by several ranges', () => {
      const { long } = images.get('single-platform')![0]!;
      const ranges = scene.cistern.output
        .split('\n')
        .filter((line) => line.includes(long) && line.includes('"status":206'));
      assert.ok(ranges.length > 2, `${ranges.length} ranges`);
    });
  }

  trial('warm', 'gets it again without a manifest or blob from upstream', async (kind) => {
    scene.registry.forgetRequests();
    await scene.pull(images.get(kind)!);
    assert.equal(scene.registry.count({ kind: 'manifest', method: 'GET' }), 0);
    assert.equal(scene.registry.count({ kind: 'blob', method: 'GET' }), 0);
  });

  trial('fault in mid-blob', 'gets one that breaks off in the middle of a blob', async (kind) => {
    const broken = await KINDS[kind]('broken');
    scene.push(broken);
    const breaksOff: Which =
      client.keeps === 'manifests' || client.keeps === 'top manifest'
        ? { kind: 'manifest', method: 'GET', repository: broken[0]!.repository, reference: TAG }
        : { kind: 'blob', method: 'GET', reference: broken[0]!.long };
    scene.registry.fail({ ...breaksOff, times: 1, at: 'middle' }, { drop: 'rst' });
    await scene.pull(broken);
    assert.equal(scene.registry.count(breaksOff), 2);
  });

  trial('upstream 429', 'gets it while upstream answers 429 to everything', async (kind) => {
    const mend = scene.registry.fail({}, { status: 429, headers: { 'retry-after': '60' } });
    try {
      await scene.pull(images.get(kind)!, false);
    } finally {
      mend();
    }
  });

  trial('upstream down', 'gets it while upstream is down', async (kind) => {
    await scene.registry.down();
    await scene.pull(images.get(kind)!, false);
  });
}

describe('a client', { concurrency: 2 }, () => {
  for (const client of CLIENTS) {
    const absent = missing(client.programs);
    // In CI nothing may be missing: a client that was not tried is no result.
    const skip = absent !== undefined && process.env.CI === undefined ? `${absent} is not installed` : false;
    describe(client.name, { skip, concurrency: 1 }, () => suite(client));
  }
});

describe('the table in docs/clients.md', () => {
  it('says what this run found', () => {
    agreesWithDocument('docs/clients.md', 'clients', (before) => {
      // A client that is not installed here keeps the row it has.
      const kept = (name: string) => before.split('\n').filter((line) => line.startsWith(`| ${name} |`));
      return table(ALL.flatMap((client) => results.row(client) ?? kept(client.name)));
    });
  });
});
