/** The systemd unit: systemd finds nothing wrong with it, and what it forbids the daemon does not do. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Cistern } from '../e2e/support/cistern.js';
import { inScratch } from '../e2e/support/images.js';
import { run } from '../e2e/support/processes.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { makeImage } from '../support/images.js';
import { fetchAll } from '../support/http.js';
import { unlessInstalled } from './needs.js';

const UNIT = 'deploy/systemd/cistern.service';

/** The values of a key of the unit, in order. */
const valuesOf = (unit: string, key: string): readonly string[] =>
  [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);

/** Names of system calls in systemd's sets, which hold others. */
async function callsIn(set: string): Promise<ReadonlySet<string>> {
  const lines = (await run('systemd-analyze', ['syscall-filter', set])).split('\n').slice(1);
  const names = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  const nested = await Promise.all(names.filter((name) => name.startsWith('@')).map(callsIn));
  return new Set([...names, ...nested.flatMap((each) => [...each])]);
}

describe('the systemd unit', () => {
  it('has nothing that systemd does not know', { skip: unlessInstalled('systemd-analyze') }, () =>
    inScratch(async (dir) => {
      const unit = await readFile(UNIT, 'utf8');
      const copy = join(dir, 'cistern.service');
      // The program is not installed here.
      await writeFile(copy, unit.replace('ExecStart=/usr/bin/cistern', `ExecStart=${process.execPath}`));
      const said = await run('bash', ['-c', 'systemd-analyze verify --man=no "$1" 2>&1', 'bash', copy]);
      assert.doesNotMatch(said, /cistern\.service/);
    }),
  );

  it('exposes little', { skip: unlessInstalled('systemd-analyze') }, async (t) => {
    const report = await run('systemd-analyze', ['security', '--offline=true', '--no-pager', '--threshold=20', UNIT]);
    t.diagnostic(report.trim().split('\n').at(-1) ?? '');
  });

  it(
    'forbids no system call and no kind of socket that the daemon uses',
    {
      skip: unlessInstalled('systemd-analyze', 'strace'),
    },
    (t) =>
      inScratch(async (dir) => {
        const registry = await FakeRegistry.start(t);
        const image = makeImage({ seed: 'systemd', layers: [2_000_000] });
        registry.push('team/app', image, 'v1');
        const trace = join(dir, 'trace');
        const cistern = await Cistern.start({
          dir,
          upstreams: [{ name: 'registry.test', url: registry.url, allowNetworks: ['127.0.0.0/8'] }],
          settings: { control: { listen: `unix://${dir}/control.sock` } },
          under: ['strace', '-D', '-f', '-qq', '-o', trace],
        });
        assert.equal((await fetchAll(`${cistern.url}/v2/registry.test/team/app/manifests/v1`)).status, 200);
        for (const args of [['prefetch', 'registry.test/team/app:v1'], ['gc'], ['verify'], ['doctor'], ['df']]) {
          await cistern.run(...args);
        }
        await cistern.stop();

        const traced = await readFile(trace, 'utf8');
        const unit = await readFile(UNIT, 'utf8');
        const used = new Set([...traced.matchAll(/^\d+ +([a-z]\w*)\(/gm)].map(([, name = '']) => name));
        assert.ok(used.size > 40, `${used.size}`);
        const [allowed, forbidden] = valuesOf(unit, 'SystemCallFilter');
        const may = await Promise.all(allowed!.split(' ').map(callsIn));
        const mayNot = await Promise.all(forbidden!.slice(1).split(' ').map(callsIn));
        assert.deepEqual(
          [...used].filter((name) => !may.some((set) => set.has(name)) || mayNot.some((set) => set.has(name))),
          [],
        );
        const families = new Set([...traced.matchAll(/ socket\((AF_\w+)/g)].map(([, name = '']) => name));
        const [listed] = valuesOf(unit, 'RestrictAddressFamilies');
        assert.deepEqual(
          [...families].filter((name) => !listed!.split(' ').includes(name)),
          [],
        );
      }),
  );
});
