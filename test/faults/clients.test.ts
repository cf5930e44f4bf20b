/** Clients that never read, hang up, or are too many: others are served, nothing is left open, nothing runs over. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { run, stopPrograms } from '../e2e/support/processes.js';
import { eventually } from '../support/eventually.js';
import { get, open, type Reader } from '../support/http.js';
import { makeImage } from '../support/images.js';
import { seed } from './lab/random.js';
import { scoped } from './lab/scoped.js';
import { steps } from './lab/steps.js';
import { World } from './lab/world.js';

const MiB = 1024 * 1024;

after(stopPrograms);

describe(`clients (seed ${seed})`, () => {
  it(
    'that never read a byte, half of all on a fill, keep nobody else waiting and cost no second fetch',
    scoped(async (t) => {
      const world = await World.create(t, { seed, images: 1 });
      const image = makeImage({ seed: 'large', layers: [24 * MiB] });
      world.registry.push('team/large', image, 'v1');
      const { digest } = image.layers[0]!;
      await world.start();
      const url = `${world.daemon.url}/v2/team/large/blobs/${digest}`;
      const gate = world.registry.hold({ kind: 'blob', reference: digest, at: 'first' });
      const stalled: Promise<Reader>[] = [];
      const reading: Promise<{ status: number; complete: boolean; body: Buffer }>[] = [];
      for (let n = 0; n < 40; n++) {
        stalled.push(open(url, { timeout: 120_000 }));
        reading.push(get(url, { timeout: 120_000 }));
      }
      await gate.reached;
      gate.open();
      for (const answer of await Promise.all(reading)) {
        assert.ok(answer.status === 200 && answer.complete && answer.body.equals(image.layers[0]!.bytes));
      }
      assert.equal(world.registry.count({ kind: 'blob', method: 'GET', reference: digest }), 1);
      for (const reader of await Promise.all(stalled)) reader.abort();
      await world.assertNothingOpen();
      await world.stop();
    }),
  );

  it(
    'that pull and hang up at random leave no descriptor behind',
    scoped(async (t) => {
      const world = await World.create(t, { seed });
      await world.start();
      await steps(world, 60, { faults: true });
      await world.assertNothingOpen();
      const settled = await world.settledDescriptors();
      await steps(world, 150, { faults: true });
      await world.assertNothingOpen();
      await eventually(
        async () => (await world.descriptors()).length <= settled + 4,
        `as many descriptors as before: ${settled}`,
        30_000,
      );
      await world.stop();
    }),
  );

  it(
    'that want more descriptors than there are do not bring it down, and it serves on when they are gone',
    scoped(async (t) => {
      const world = await World.create(t, { seed, images: 6 });
      await world.start();
      // Not before: Node.js itself opens more files than that to load the program.
      await run('prlimit', ['--pid', `${world.daemon.pid}`, '--nofile=100']);
      const { repository, digests } = world.library.shelf[0]!;
      const image = makeImage({ seed: 'large', layers: [24 * MiB] });
      world.registry.push('team/large', image, 'v1');
      const url = world.urlOf('team/large', image.layers[0]!.digest);
      const crowd = await Promise.all(
        Array.from({ length: 150 }, () => open(url, { timeout: 5000 }).catch(() => undefined)),
      );
      const refused = crowd.filter((reader) => reader?.status !== 200).length;
      assert.ok(refused > 0, 'there were descriptors for all of them');
      t.diagnostic(`${refused} of ${crowd.length} clients were refused`);
      for (const reader of crowd) reader?.abort();
      await eventually(async () => {
        const answer = await world.read({ repository, digest: digests.at(-1)! }).catch(() => undefined);
        return answer?.status === 200 && answer.complete;
      }, 'it serves again');
      await steps(world, 40, { faults: true });
      await world.assertNothingOpen();
      await world.stop();
    }),
  );
});
