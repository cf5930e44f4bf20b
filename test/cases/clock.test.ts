/** The clock on the wall is set, while the daemon runs: nothing expires for that, and nothing is believed for ever. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.js';
import { head } from '../support/http.js';
import { pull, REPOSITORY, startScene } from './scene.js';

const YEARS = 3 * 365 * 86_400_000;
const PRIVATE = {
  registry: { auth: { type: 'basic', users: { ada: 'lovelace' } } },
  upstream: { auth: { type: 'basic', username: 'ada', password: 'lovelace' } },
} as const;

/** Sets only the wall clock; what measures durations goes on. It stands still where it is set. */
function wallClock(t: TestContext): { set(by: number): void } {
  const now = Date.now();
  t.mock.timers.enable({ apis: ['Date'], now });
  return { set: (by) => t.mock.timers.setTime(now + by) };
}

describe('a clock that is set', () => {
  for (const [what, options] of [
    ['a public', {}],
    ['a private', PRIVATE],
  ] as const) {
    it(`ahead by years in an outage takes ${what} image from nobody`, async (t) => {
      const clock = wallClock(t);
      const scene = await startScene(t, options);
      const { daemon, registry, image, layer } = scene;
      await pull(scene);
      await registry.down();
      clock.set(YEARS);
      assert.deepEqual((await daemon.manifest(REPOSITORY, 'v1')).body, image.bytes);
      assert.deepEqual((await daemon.blob(REPOSITORY, layer.digest)).body, layer.bytes);
    });
  }

  it('back by years does not make a private blob free to whoever could have it in the future', async (t) => {
    const clock = wallClock(t);
    clock.set(YEARS);
    const scene = await startScene(t, PRIVATE);
    const { daemon, registry, layer } = scene;
    await pull(scene);
    clock.set(0);
    registry.remove(REPOSITORY, layer.digest);
    assert.equal((await daemon.blob(REPOSITORY, layer.digest)).status, 404);
  });

  it('back by years is asked for a link once, and not at each pull', async (t) => {
    const clock = wallClock(t);
    clock.set(YEARS);
    const scene = await startScene(t, PRIVATE);
    const { daemon, registry, layer } = scene;
    await pull(scene);
    clock.set(0);
    await daemon.blob(REPOSITORY, layer.digest);
    registry.forgetRequests();
    assert.equal((await daemon.blob(REPOSITORY, layer.digest)).status, 200);
    assert.equal(registry.count({}), 0);
  });

  it('back by years does not keep a tag missing, nor where it pointed', async (t) => {
    const clock = wallClock(t);
    clock.set(YEARS);
    const { daemon, registry, image } = await startScene(t, { upstream: { negativeTtl: '10ms', tagTtl: '1h' } });
    assert.equal((await daemon.manifest(REPOSITORY, 'late')).status, 404);
    assert.equal((await head(daemon.manifestUrl(REPOSITORY, 'v1'))).status, 200);
    clock.set(0);
    registry.push(REPOSITORY, image, 'late');
    registry.forgetRequests();
    assert.equal((await head(daemon.manifestUrl(REPOSITORY, 'v1'))).status, 200);
    assert.equal(registry.count({ kind: 'manifest', reference: 'v1' }), 1, 'upstream is asked again');
    await eventually(async () => (await daemon.manifest(REPOSITORY, 'late')).status === 200, 'it is found');
  });
});
