/** What docs/operations.md says to do does what it says. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Cistern } from '../e2e/support/cistern.js';
import { inScratch } from '../e2e/support/images.js';
import { run, stopPrograms } from '../e2e/support/processes.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { fetchAll } from '../support/http.js';
import { makeImage } from '../support/images.js';
import type { Scope } from '../support/tmp.js';
import { unlessInstalled } from './needs.js';

/** In this order. */
const COPIED = ['format', 'snapshot', 'blobs'];
const IMAGE = 'up.test/team/app:v1';

after(stopPrograms);

async function scene(t: Scope) {
  const registry = await FakeRegistry.start(t);
  const image = makeImage({ seed: 'handbook', layers: [40_000, 300_000] });
  registry.push('team/app', image, 'v1');
  const upstreams = [{ name: 'up.test', url: registry.url, allowNetworks: ['127.0.0.0/8'] }];
  const paths = ['manifests/v1', ...image.blobs.map(({ digest }) => `blobs/${digest}`)];
  const pull = (cistern: Cistern) =>
    Promise.all(paths.map((path) => fetchAll(`${cistern.url}/v2/up.test/team/app/${path}`)));
  return { registry, image, upstreams, pull };
}

describe('the handbook', () => {
  it('names enough to back up from a running daemon: images are served from it while upstream is gone', (t) =>
    inScratch(async (dir) => {
      const { registry, image, upstreams, pull } = await scene(t);
      const first = await Cistern.start({ dir: join(dir, 'first'), upstreams });
      const got = await pull(first);
      await first.stored([image.digest, ...image.blobs.map(({ digest }) => digest)]);
      // The snapshot is made at each pin.
      assert.equal((await first.run('pin', IMAGE)).code, 0);

      const copy = join(dir, 'second/var');
      await mkdir(copy, { recursive: true });
      for (const name of COPIED) await cp(join(dir, 'first/var', name), join(copy, name), { recursive: true });
      await registry.stop();
      const second = await Cistern.start({ dir: join(dir, 'second'), upstreams });
      const again = await pull(second);
      assert.deepEqual(
        again.map(({ status, body }) => ({ status, body })),
        got.map(({ body }) => ({ status: 200, body })),
      );
      assert.match((await second.run('evict', IMAGE)).stderr, /pinned/);
      assert.equal((await second.run('verify')).code, 0);
    }));

  it('finds the slowest pulls in the log of each package, and why they were', { skip: unlessInstalled('jq') }, (t) =>
    inScratch(async (dir) => {
      const { upstreams, pull } = await scene(t);
      const cistern = await Cistern.start({ dir, upstreams });
      await pull(cistern);
      await cistern.stop();
      // As a journal has it.
      const others = ['Starting cistern.service - Pull-through cache…', '42', 'null', '{"half', ''];
      await writeFile(join(dir, 'log'), [...others, cistern.output, ...others].join('\n'));
      const [, commands] = /```sh\n(slowest\(\) [^`]+)```/.exec(await readFile('docs/operations.md', 'utf8'))!;
      const bin = join(dir, 'bin');
      await mkdir(bin);
      const printsLog = '#!/bin/sh\necho "$(basename "$0")"; cat "$LOG"\n';
      for (const name of ['journalctl', 'docker', 'kubectl'])
        await writeFile(join(bin, name), printsLog, { mode: 0o755 });
      await writeFile(join(bin, 'cistern'), '#!/bin/sh\n', { mode: 0o755 });
      const env = { LOG: join(dir, 'log'), PATH: `${bin}:${process.env['PATH'] ?? ''}` };
      const printed = await run('sh', ['-euc', commands!.replace('> 5000', '>= 0')], env);
      const lines = printed.trim().split('\n');
      assert.equal(lines.length, 16, printed);
      for (const again of [4, 8, 12]) assert.deepEqual(lines.slice(again, again + 4), lines.slice(0, 4));
      const took = lines.slice(0, 4).map((line) => Number(line.split('\t')[1]));
      assert.deepEqual(
        took,
        took.toSorted((one, other) => other - one),
      );
      const line = lines.find((each) => each.includes('\tv1\t'));
      assert.match(line ?? '', /^20[^\t]+Z\t\d+\t\d+\tmiss\ttag-unknown\tup\.test\tteam\/app\tv1\t127\.0\.0\.1$/);
    }),
  );

  it('takes the figures of its sizing from where it says', async () => {
    const [, table] = /## How much machine\n([^#]+)/.exec(await readFile('docs/operations.md', 'utf8'))!;
    const figures = await readFile('docs/performance.md', 'utf8');
    const taken = table!.match(/[\d.,]*\d (?:MiB|GB|MB|manifests|blobs a second)\b/g) ?? [];
    // What is advice, and no figure of a run.
    const advised = ['512 MiB'];
    assert.ok(taken.length > 8, taken.join());
    for (const figure of taken.filter((each) => !advised.includes(each))) {
      const [number = ''] = figure.split(' ');
      assert.match(figures, new RegExp(`(?<![\\d.,])${number.replace('.', '\\.')}(?![\\d.]\\d)`), figure);
    }
  });

  it('moves the data to where systemd lets the service write', { skip: unlessInstalled('systemd-analyze') }, () =>
    inScratch(async (dir) => {
      const [, text] = /```ini\n([^`]+)```/.exec(await readFile('docs/operations.md', 'utf8'))!;
      const unit = await readFile('deploy/systemd/cistern.service', 'utf8');
      await writeFile(join(dir, 'cistern.service'), unit.replace('/usr/bin/cistern', process.execPath));
      await mkdir(join(dir, 'cistern.service.d'));
      const changed = join(dir, 'cistern.service.d/override.conf');
      const verify = async () =>
        run('bash', ['-c', 'systemd-analyze verify --man=no "$1" 2>&1', 'bash', join(dir, 'cistern.service')]);
      await writeFile(changed, text!.replace('Environment=', 'Enviroment='));
      assert.match(await verify(), /override\.conf.*Enviroment/, 'it reads the change');
      await writeFile(changed, text!);
      assert.doesNotMatch(await verify(), /cistern\.service/);
      const [, variable, path] = /^Environment=(\w+)=(.+)$/m.exec(text!)!;
      assert.match(unit, new RegExp(`^Environment=.*\\b${variable}=`, 'm'), 'the same as the unit sets');
      assert.ok(text!.includes(`\nReadWritePaths=${path}\n`));
    }),
  );
});
