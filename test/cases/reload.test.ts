/** A reload of the configuration while clients pull: what is under way goes on, what comes next goes by the new one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sha256 } from '../support/http.js';
import { makeImage } from '../support/images.js';
import { BIG, REPOSITORY, startScene } from './scene.js';

describe('a reload', () => {
  for (const [what, change] of [
    ["an upstream's tagTtl", { tagTtl: '7m' }],
    ["an upstream's timeouts", { responseTimeout: '2s' }],
    ["an upstream's name", { name: 'renamed.example' }],
  ] as const) {
    it(`that changes ${what} does not cut a pull under way`, async (t) => {
      const { registry, daemon, layer } = await startScene(t, { size: BIG });
      const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'middle' });
      const reader = await daemon.openBlob(REPOSITORY, layer.digest);
      await gate.reached;
      await daemon.reload(change);
      // Other requests use the new configuration while the pull still waits.
      assert.equal((await daemon.manifest(REPOSITORY, 'missing')).status, 404);
      gate.open();
      assert.equal(sha256(await reader.rest()), layer.digest);
      assert.equal(reader.complete, true);
      assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 1, 'in one piece');
      await daemon.stored(layer.digest);
    });
  }

  it('does not cut a client that is slower than the fill, nor one that joins after it', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG });
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'middle' });
    const early = await daemon.openBlob(REPOSITORY, layer.digest);
    await gate.reached;
    await daemon.reload({ tagTtl: '7m' });
    const late = await daemon.openBlob(REPOSITORY, layer.digest);
    gate.open();
    await daemon.stored(layer.digest);
    for (const reader of [early, late]) assert.equal(sha256(await reader.rest()), layer.digest);
    assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 1);
  });

  it('names what has changed and needs a restart, and nothing else', async (t) => {
    const { daemon } = await startScene(t);
    await daemon.reload({}, { log: { level: 'info', format: 'pretty' }, drainTimeout: '3s' });
    const [line] = daemon.logged('these changes need a restart');
    assert.deepEqual((JSON.parse(line!) as { keys: unknown }).keys, ['drainTimeout', 'log.format']);
    await daemon.reload({}, { log: { level: 'info', format: 'json' }, drainTimeout: '2s' });
    assert.equal(daemon.logged('these changes need a restart').length, 1, 'a level takes effect at once');
  });

  it('that permits less refuses the next pull', async (t) => {
    const { registry, daemon } = await startScene(t);
    registry.push('other/app', makeImage({ seed: 'other' }), 'v1');
    assert.equal((await daemon.manifest('other/app', 'v1')).status, 200);
    await daemon.reload({ deny: ['other/**'] });
    assert.equal((await daemon.manifest('other/app', 'v1')).status, 403);
    assert.equal((await daemon.manifest(REPOSITORY, 'v1')).status, 200);
  });
});
