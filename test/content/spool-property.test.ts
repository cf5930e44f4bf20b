/** The promise of the spool as a property: no schedule of its calls gives anybody a wrong byte, or the tail too early. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TAIL } from '../../src/content/spool.js';
import { ReadBudget } from '../../src/content/read-budget.js';
import { temporaryDirectory } from '../support/tmp.js';
import { bytesOf, collectUntilFailure, FaultyDisk, KIB, never, openArea, sha256, turn } from './support.js';

type Step =
  | { readonly do: 'append'; readonly bytes: number }
  | {
      readonly do: 'follow';
      readonly from: number;
      readonly length: number | undefined;
      readonly leaveAfter: number | undefined;
    }
  | { readonly do: 'turn' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('append' as const), bytes: fc.integer({ min: 0, max: 200 * KIB }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('follow' as const),
      from: fc.integer({ min: 0, max: 400 * KIB }),
      length: fc.option(fc.integer({ min: 0, max: 400 * KIB }), { nil: undefined }),
      leaveAfter: fc.option(fc.integer({ min: 0, max: 200 * KIB }), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
);

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

describe(`any schedule of appends, follows, joins and verify (seed ${seed})`, () => {
  it('gives each follower exactly its bytes, and none of the tail before verify', async (t) => {
    const root = await temporaryDirectory(t);
    const disk = new FaultyDisk();
    const { area } = await openArea(root, { fs: disk, budget: new ReadBudget({ memory: 16 * KIB, preads: 2 }) });
    const schedule = fc.record({
      steps: fc.array(step, { maxLength: 30 }),
      sizeKnown: fc.boolean(),
      damage: fc.option(fc.nat(), { nil: undefined }),
      longestWrite: fc.integer({ min: 1000, max: 200 * KIB }),
    });
    let operations = 0;
    const property = fc.asyncProperty(schedule, async ({ steps, sizeKnown, damage, longestWrite }) => {
      disk.longestWrite = longestWrite;
      operations += steps.length;
      const size = steps.reduce((sum, each) => sum + (each.do === 'append' ? each.bytes : 0), 0);
      const blob = bytesOf(size, size);
      const sent = Buffer.from(blob);
      const damaged = damage !== undefined && size > 0;
      if (damaged) sent[damage % size]! ^= 1;
      const spool = await area.create({
        upstream: 'docker.io',
        digest: sha256(blob),
        size: sizeKnown ? size : undefined,
      });
      let verified = false;

      const follow = async (from: number, to: number | undefined, leaveAfter: number | undefined) => {
        const expected = sent.subarray(from, to);
        let at = 0;
        const checked = async function* () {
          for await (const chunk of spool.follow(from, to, never())) {
            assert.ok(chunk.equals(expected.subarray(at, at + chunk.length)), `other bytes at ${from + at}`);
            at += chunk.length;
            if (!verified)
              assert.ok(from + at <= Math.max(size - TAIL, 0), `the tail was given at ${from + at} of ${size}`);
            if (!verified) assert.ok(from + at <= spool.received);
            yield chunk;
            if (leaveAfter !== undefined && at >= leaveAfter) return;
          }
        };
        const { got, failure } = await collectUntilFailure(checked());
        if (failure !== undefined) {
          assert.ok(damaged, failure as Error);
          assert.equal((failure as { code?: string }).code, 'UPSTREAM_INVALID');
        } else if (leaveAfter === undefined) {
          assert.equal(got.length, expected.length);
        }
      };

      const followers: Promise<void>[] = [];
      let at = 0;
      for (const each of steps) {
        if (each.do === 'append') await spool.append(sent.subarray(at, (at += each.bytes)));
        else if (each.do === 'turn') await turn();
        else followers.push(follow(each.from, each.length && each.from + each.length, each.leaveAfter));
      }
      if (damaged) {
        await assert.rejects(spool.verify(), { code: 'UPSTREAM_INVALID' });
      } else {
        // Set before the answer is there: followers are told at the same moment.
        const verifying = spool.verify();
        verified = true;
        const file = await verifying;
        followers.push(follow(0, undefined, undefined));
        await Promise.all(followers);
        await file.release();
      }
      await Promise.all(followers);
    });
    await fc.assert(property, { numRuns: Number(process.env['MODEL_RUNS'] ?? 150), seed });
    process.stderr.write(`spool: ${operations} operations, seed ${seed}\n`);
    assert.equal(area.bytes, 0);
  });
});
