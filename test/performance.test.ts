/** docs/performance.md and its pictures must say what bench/results.json says; WRITE_DOCS=1 makes them do so. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BENCHES } from '../bench/benches.js';
import { pictures } from '../bench/report/pictures.js';
import { merge, readResults, type BenchResult, type Results } from '../bench/report/results.js';
import { figures, targets } from '../bench/report/tables.js';
import { Recorder } from '../bench/support/recorder.js';
import { interleaved, ratio, spreadOf } from '../bench/support/measure.js';
import { agreesWithDocument } from './support/documents.js';

const DOCUMENT = 'docs/performance.md';
const FOLDER = join(import.meta.dirname, '../docs/performance');
const titleOf = (bench: string) => BENCHES[bench]?.title ?? bench;

describe('the document of performance', () => {
  const results = readResults();

  it('has the promises and the figures of the last run', () => {
    agreesWithDocument(DOCUMENT, 'targets', () => targets(results));
    agreesWithDocument(DOCUMENT, 'figures', () => figures(results, titleOf));
  });

  it('has their pictures and no others', () => {
    const made = pictures(results);
    if (process.env.WRITE_DOCS !== undefined) {
      rmSync(FOLDER, { recursive: true, force: true });
      if (made.size > 0) mkdirSync(FOLDER, { recursive: true });
      for (const [name, picture] of made) writeFileSync(join(FOLDER, name), picture);
    }
    const kept = made.size === 0 ? [] : readdirSync(FOLDER);
    assert.deepEqual(kept.sort(), [...made.keys()].sort());
    for (const [name, picture] of made) assert.equal(readFileSync(join(FOLDER, name), 'utf8'), picture, name);
  });
});

describe('what benches find', () => {
  const environment = { commit: 'abc', cores: 2, node: 'v20.0.0', system: 'Debian 12' };
  const spreads = (own: number, other: number) =>
    new Map([
      ['cistern', spreadOf([own - 1, own, own + 1])],
      ['squid', spreadOf([other])],
    ]);

  function found(): BenchResult {
    const record = new Recorder(() => undefined);
    for (const [x, own] of [[1, 10] as const, [4, 400] as const]) {
      record.compare(`${x} clients`, 'MiB/s', spreads(own, 5), 'squid', { name: 'rate', axis: 'clients', x });
    }
    record.target('rate', 'x squid', { atLeast: 2 }, 80);
    record.target('time', 's', { atMost: 2 }, 3);
    record.target('cost', 'x nginx', { atMost: 2 }, undefined);
    record.skip('nginx', 'it is not installed');
    return { environment, ...record.finding };
  }

  it('is told with each promise, kept, missed or not measured', () => {
    const lines = targets({ tls: found() }).split('\n').slice(2);
    assert.deepEqual(lines, [
      '| rate | `tls` | at least 2 x squid | 80.0 | yes |',
      '| time | `tls` | at most 2 s | 3.00 | **no** |',
      '| cost | `tls` | at most 2 x nginx | | not measured |',
    ]);
  });

  it('is told with its machine, its spread, its ratio, and who was skipped why', () => {
    const text = figures({ tls: found() }, titleOf);
    assert.match(text, /^### TLS$/m);
    assert.match(text, /commit abc, 2 cores, Node\.js 20\.0\.0, Debian 12/);
    assert.match(text, /^Skipped: nginx, because it is not installed\.$/m);
    assert.match(text, /^\| 1 clients \| cistern \| 10\.0 MiB\/s \| 9\.00 to 11\.0 \| 2\.00 x squid \|$/m);
    assert.match(text, /^!\[TLS: rate\]\(performance\/tls-rate\.svg\)$/m);
  });

  it('is drawn with every side, on a logarithmic scale where it differs much', () => {
    const picture = pictures({ tls: found() }).get('tls-rate.svg')!;
    assert.match(picture, /logarithmic/);
    for (const name of ['cistern', 'squid']) assert.ok(picture.includes(`>${name}</text>`), name);
    assert.doesNotMatch(picture, /NaN|Infinity|undefined/);
  });

  it('replaces what the same bench had found before, and leaves the others in their order', () => {
    const old = found();
    const before: Results = { tls: old, herd: old, gone: old };
    const now = { ...old, environment: { ...environment, commit: 'def' } };
    const merged = merge(before, { herd: now }, ['herd', 'metrics', 'tls']);
    assert.deepEqual(Object.entries(merged), [
      ['herd', now],
      ['tls', old],
    ]);
  });
});

describe('sides of a comparison', () => {
  it('take turns, and the order is turned round each time', async () => {
    const order: string[] = [];
    const side = (name: string, value: number) => ({
      name,
      run: (round: number) => {
        order.push(name);
        return Promise.resolve({ rate: value + round, ...(name === 'a' && { cost: 1 }) });
      },
    });
    const { rate, cost } = await interleaved(3, ['rate', 'cost'], [side('a', 10), side('b', 20)]);
    assert.deepEqual(order, ['a', 'b', 'b', 'a', 'a', 'b']);
    assert.deepEqual(rate.get('b'), { median: 21, min: 20, max: 22 });
    assert.deepEqual([...cost.keys()], ['a']);
    assert.equal(ratio(rate, 'b', 'a'), 21 / 11);
    assert.equal(ratio(cost, 'a', 'b'), undefined);
  });
});
