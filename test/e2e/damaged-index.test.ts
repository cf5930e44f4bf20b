/** An index that was damaged or lost: the daemon starts all the same, says so, and loses nothing that is stored. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FakeRegistry } from '../support/fake-registry.js';
import { makeImage, type Image } from '../support/images.js';
import { spoil } from '../support/spoil-index.js';
import type { Scope } from '../support/tmp.js';
import { Cistern, invokeCistern } from './support/cistern.js';
import { inScratch } from './support/images.js';
import { stopPrograms } from './support/processes.js';

const NAME = 'up.test';
const REPOSITORY = 'team/app';

after(stopPrograms);

class Scene {
  readonly registry: FakeRegistry;
  readonly image: Image;
  readonly #dir: string;
  readonly #upstreams: readonly object[];

  private constructor(dir: string, registry: FakeRegistry, image: Image) {
    this.#dir = dir;
    this.registry = registry;
    this.image = image;
    this.#upstreams = [{ name: NAME, url: registry.url, default: true, allowNetworks: ['127.0.0.0/8'] }];
  }

  static async make(t: Scope, dir: string): Promise<Scene> {
    const registry = await FakeRegistry.start(t);
    const image = makeImage({ seed: 'damaged-index', layers: [40_000, 300_000] });
    registry.push(REPOSITORY, image, 'v1');
    return new Scene(dir, registry, image);
  }

  get data(): string {
    return join(this.#dir, 'var');
  }

  get index(): string {
    return join(this.data, 'index');
  }

  start(): Promise<Cistern> {
    return Cistern.start({ dir: this.#dir, upstreams: this.#upstreams });
  }

  invoke() {
    return invokeCistern({ dir: this.#dir, upstreams: this.#upstreams });
  }

  /** A daemon that pulled the image and was stopped in order; gives what a client got. */
  async pulledOnce(): Promise<readonly string[]> {
    const cistern = await this.start();
    const got = await this.pull(cistern);
    await cistern.stored([this.image.digest, ...this.image.blobs.map(({ digest }) => digest)]);
    assert.equal((await cistern.stop()).code, 0);
    return got;
  }

  async pull(cistern: Cistern): Promise<readonly string[]> {
    const { digest, blobs } = this.image;
    const paths = ['manifests/v1', `manifests/${digest}`, ...blobs.map((blob) => `blobs/${blob.digest}`)];
    const digests: string[] = [];
    for (const path of paths) {
      const answer = await fetch(`${cistern.url}/v2/${REPOSITORY}/${path}`);
      assert.equal(answer.status, 200, path);
      digests.push(
        `sha256:${createHash('sha256')
          .update(Buffer.from(await answer.arrayBuffer()))
          .digest('hex')}`,
      );
    }
    return digests;
  }

  /** Names in the data directory. */
  async setAside(): Promise<readonly string[]> {
    return (await readdir(this.data)).filter((name) => name.includes('.bad-'));
  }

  /** One line of the log, as loud as an error, tells why and where the old index lies now. */
  async assertTold(cistern: Cistern, why: RegExp): Promise<void> {
    const told = cistern.output.split('\n').filter((line) => line.includes('index set aside'));
    assert.equal(told.length, 1, cistern.output);
    const { level, movedTo, err } = JSON.parse(told[0]!) as {
      level: string;
      movedTo: string;
      err: { message: string };
    };
    assert.equal(level, 'error');
    assert.match(err.message, why);
    assert.deepEqual(await this.setAside(), [basename(movedTo)]);
  }
}

const damages: Record<string, readonly [damage: (index: string) => Promise<void>, why: RegExp]> = {
  'lost its MANIFEST': [
    async (index) => {
      for (const name of await readdir(index)) if (name.startsWith('MANIFEST-')) await rm(join(index, name));
    },
    /damaged/,
  ],
  'has a CURRENT that names a file which is not there': [
    (index) => writeFile(join(index, 'CURRENT'), 'MANIFEST-999999\n'),
    /damaged/,
  ],
  'has a CURRENT of garbage': [(index) => writeFile(join(index, 'CURRENT'), 'garbage'), /damaged/],
  'has an epoch that does not match its checksum': [(index) => spoil(index, 'meta epoch'), /checksum/],
};

describe('a daemon whose index', () => {
  for (const [name, [damage, why]] of Object.entries(damages)) {
    it(`${name} starts, sets it aside, and serves the image with its upstream down`, (t) =>
      inScratch(async (dir) => {
        const scene = await Scene.make(t, dir);
        const before = await scene.pulledOnce();
        await damage(scene.index);
        await scene.registry.down();
        const cistern = await scene.start();
        assert.deepEqual(await scene.pull(cistern), before);
        await scene.assertTold(cistern, why);
        assert.equal((await cistern.stop()).code, 0);
      }));
  }

  it('is an older copy that was put back starts with a new one, which knows what the older one did not', (t) =>
    inScratch(async (dir) => {
      const scene = await Scene.make(t, dir);
      await (await scene.start()).stop();
      await cp(scene.index, join(dir, 'older'), { recursive: true });
      const before = await scene.pulledOnce();
      await rm(scene.index, { recursive: true });
      await cp(join(dir, 'older'), scene.index, { recursive: true });
      await scene.registry.down();
      const cistern = await scene.start();
      assert.deepEqual(await scene.pull(cistern), before);
      await scene.assertTold(cistern, /not the last one/);
      await cistern.stop();
    }));

  it('turns out damaged while it serves makes a new one meanwhile, and refuses no client', (t) =>
    inScratch(async (dir) => {
      const scene = await Scene.make(t, dir);
      const before = await scene.pulledOnce();
      await spoil(scene.index, 'tag ');
      await scene.registry.down();
      const cistern = await scene.start();
      assert.deepEqual(await scene.pull(cistern), before);
      await scene.assertTold(cistern, /checksum/);
      await cistern.stop();
    }));

  it('cannot be read refuses to start, and leaves it alone', (t) =>
    inScratch(async (dir) => {
      const scene = await Scene.make(t, dir);
      const before = await scene.pulledOnce();
      // A loop of links cannot be read by anybody, not even by root.
      const current = join(scene.index, 'CURRENT');
      await cp(current, join(dir, 'CURRENT'));
      await rm(current);
      await symlink(current, current);
      const { program } = await scene.invoke();
      assert.notEqual((await program.refused()).code, 0);
      assert.match(program.output, /could not start/);
      assert.ok(program.output.includes(current), 'it says what it could not read');
      assert.deepEqual(await scene.setAside(), []);
      await rm(current);
      await cp(join(dir, 'CURRENT'), current);
      await scene.registry.down();
      const cistern = await scene.start();
      assert.deepEqual(await scene.pull(cistern), before);
      assert.deepEqual(await scene.setAside(), []);
      await cistern.stop();
    }));

  it('is damaged again and again keeps only the last one aside', (t) =>
    inScratch(async (dir) => {
      const scene = await Scene.make(t, dir);
      const before = await scene.pulledOnce();
      await scene.registry.down();
      for (let time = 0; time < 3; time++) {
        await writeFile(join(scene.index, 'CURRENT'), 'garbage');
        const cistern = await scene.start();
        assert.deepEqual(await scene.pull(cistern), before);
        assert.equal((await scene.setAside()).length, 1);
        await cistern.stop();
      }
    }));

  it('is lost still has its statistics, and goes on with the prefetch job that was running', (t) =>
    inScratch(async (dir) => {
      const scene = await Scene.make(t, dir);
      await scene.pulledOnce();
      const other = makeImage({ seed: 'prefetched', layers: [50_000] });
      scene.registry.push('team/other', other, 'v1');
      const gate = scene.registry.hold({ kind: 'blob', repository: 'team/other', at: 'last' });
      const first = await scene.start();
      const asked = await first.run('prefetch', `${NAME}/team/other:v1`, '--detach', '-o', 'json');
      const { job } = JSON.parse(asked.stdout) as { job: string };
      await gate.reached;
      const totals = (await first.run('stats', '-o', 'json')).stdout;
      assert.equal((JSON.parse(totals) as { requests: number }).requests, 2 + scene.image.blobs.length);
      await first.stop();
      await rm(scene.index, { recursive: true });
      gate.open();
      const second = await scene.start();
      assert.equal((await second.run('jobs', job, '--watch')).code, 0, 'the job succeeds');
      await second.stored(other.blobs.map(({ digest }) => digest));
      const requests = ({ stdout }: { stdout: string }) => (JSON.parse(stdout) as { requests: number }).requests;
      assert.equal(requests(await second.run('stats', '-o', 'json')), requests({ stdout: totals }));
      await second.stop();
    }));
});
