/** Fills over several connections, through the whole daemon: one fill and one blob, whatever becomes of a piece. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Fault } from '../support/fake-reply.js';
import { sha256 } from '../support/http.js';
import { REPOSITORY, startScene, type Scene } from './scene.js';

const PIECE = 4 * 1024 * 1024;
const SIZE = 5 * PIECE + 17;
const THIRD = `bytes=${2 * PIECE}-${3 * PIECE - 1}`;

const start = (t: Parameters<typeof startScene>[0]) =>
  startScene(t, { size: SIZE, upstream: { connectionsPerBlob: 4, responseTimeout: '20s' } });

async function assertWhole({ daemon, layer }: Scene): Promise<void> {
  const { status, complete, body } = await daemon.blob(REPOSITORY, layer.digest, { timeout: 50_000 });
  assert.deepEqual([status, complete, sha256(body)], [200, true, layer.digest]);
  await daemon.stored(layer.digest);
}

const ranges = ({ registry, layer }: Scene) =>
  registry.seen({ kind: 'blob', method: 'GET', reference: layer.digest }).map(({ range }) => range ?? '');

describe('a fill in pieces', () => {
  it('is one for all clients, one GET in the statistics, and each byte once', async (t) => {
    const scene = await start(t);
    const { registry, daemon, layer } = scene;
    const gate = registry.hold({ ranged: THIRD });
    const first = await daemon.openBlob(REPOSITORY, layer.digest);
    await gate.reached;
    const late = await daemon.openBlob(REPOSITORY, layer.digest);
    gate.open();
    for (const reader of [first, late]) assert.equal(sha256(await reader.rest()), layer.digest);
    await daemon.stored(layer.digest);
    assert.equal(ranges(scene).length, 6);
    const { blobs } = (await daemon.statistics.query({})).total;
    assert.deepEqual([blobs.upstreamGets, blobs.bytesFromUpstream], [1, SIZE]);
    await registry.down();
    await assertWhole(scene);
  });

  it('is resumed in pieces where one broke off, and what came before is not fetched again', async (t) => {
    const scene = await start(t);
    const at = 2 * PIECE + 500_000;
    scene.registry.fail({ ranged: THIRD, at, times: 1 }, { drop: 'fin' });
    await assertWhole(scene);
    assert.ok(ranges(scene).includes(`bytes=${at}-${at + PIECE - 1}`), ranges(scene).join(' '));
    const begins = ranges(scene).map((range) => Number(/\d+/.exec(range)?.[0]));
    assert.deepEqual(
      begins.filter((begin) => begin < at).sort((a, b) => a - b),
      [0, PIECE, 2 * PIECE],
    );
  });

  for (const [how, fault] of [
    ['refused', { status: 503 }],
    ['answered with the whole blob', { range: 'ignore' }],
    ['answered with another range', { range: 'shifted' }],
  ] as const satisfies readonly (readonly [string, Fault])[]) {
    it(`of which a piece is ${how} is resumed without pieces`, async (t) => {
      const scene = await start(t);
      scene.registry.fail({ ranged: THIRD }, fault);
      await assertWhole(scene);
      assert.equal(ranges(scene).at(-1), `bytes=${2 * PIECE}-`);
    });
  }

  it('of which a piece has a wrong bit is no complete answer and is not stored', async (t) => {
    const scene = await start(t);
    const { registry, daemon, layer } = scene;
    registry.fail({ ranged: THIRD, at: 2 * PIECE + 5, times: 1 }, { flip: true });
    const answer = await daemon.blob(REPOSITORY, layer.digest, { timeout: 50_000 });
    assert.deepEqual([answer.status, answer.complete], [200, false]);
    assert.equal(daemon.logged('"msg":"stored"', layer.digest).length, 0);
    await assertWhole(scene);
  });
});
