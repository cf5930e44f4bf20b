import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { createLog } from '../../src/lib/log.js';
import { followTls, readTls } from '../../src/registry/tls-files.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { temporaryDirectory } from '../support/tmp.js';

const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';

function makeCertificate(dir: string, name: string) {
  const [certFile, keyFile] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)];
  const subject = ['-subj', `/CN=${name}`, '-days', '1', '-nodes'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-keyout', keyFile];
  execFileSync('openssl', ['req', '-x509', ...key, '-out', certFile, ...subject], { stdio: 'ignore' });
  return { certFile, keyFile };
}

async function scene(t: TestContext) {
  const dir = await temporaryDirectory(t);
  const paths = makeCertificate(dir, 'first');
  const server = createServer(await readTls(paths)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const clock = new ManualClock();
  const lines: string[] = [];
  const { logger } = createLog({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) });
  t.after(followTls(server, paths, clock, logger));
  const shown = async () => {
    const socket = connect({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
    });
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return String(subject.CN);
  };
  /** As a renewal does; the time tells it from the files before. */
  let renewals = 0;
  const replace = (from: typeof paths) => {
    renewals++;
    for (const which of ['certFile', 'keyFile'] as const) {
      copyFileSync(from[which], paths[which]);
      utimesSync(paths[which], renewals, renewals);
    }
  };
  return { dir, paths, clock, lines, shown, replace };
}

describe('the certificate of a listener', { skip }, () => {
  it('is the new one once its files have changed', async (t) => {
    const { dir, clock, shown, replace } = await scene(t);
    assert.equal(await shown(), 'first');
    const second = makeCertificate(dir, 'second');
    await eventually(async () => {
      replace(second);
      await clock.advance(10_000);
      return (await shown()) === 'second';
    }, 'the new certificate is shown');
  });

  it('stays the old one, loudly, while the files do not fit', async (t) => {
    const { dir, clock, lines, shown, replace } = await scene(t);
    const bad = makeCertificate(dir, 'bad');
    writeFileSync(bad.certFile, 'no certificate');
    await eventually(async () => {
      replace(bad);
      await clock.advance(10_000);
      return lines.join('').includes('certificate not reloaded');
    }, 'the failure is logged');
    assert.equal(await shown(), 'first');
  });
});
