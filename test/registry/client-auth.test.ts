import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import bcrypt from 'bcryptjs';
import { createLog } from '../../src/lib/log.js';
import { isAppError, type ErrorCode } from '../../src/lib/errors.js';
import { ClientAuth } from '../../src/registry/client-auth.js';
import { ManualClock } from '../support/manual-clock.js';
import { temporaryDirectory } from '../support/tmp.js';

const ADDRESS = '192.0.2.1';
const line = (user: string, password: string, cost = 4) => `${user}:${bcrypt.hashSync(password, cost)}\n`;
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

async function authOf(t: TestContext, content: string) {
  const file = join(await temporaryDirectory(t), 'htpasswd');
  writeFileSync(file, content);
  const clock = new ManualClock();
  const lines: string[] = [];
  const { logger } = createLog({ level: 'info', format: 'json' }, { write: (text) => void lines.push(text) });
  const auth = await ClientAuth.open(file, clock, logger);
  t.after(() => auth.close());
  return { file, clock, auth, lines };
}

const refuses = (
  auth: ClientAuth,
  authorization: string | undefined,
  code: ErrorCode = 'UNAUTHORIZED',
  address = ADDRESS,
) => assert.rejects(auth.check(authorization, address), (error) => isAppError(error, code));

describe('client login', () => {
  it('lets in who has the password, and says who it is', async (t) => {
    const { auth } = await authOf(t, `# people\n\n${line('ann', 'a:b')}${line('bob', 'secret').trim()}\r\n`);
    assert.equal(await auth.check(basic('ann', 'a:b'), ADDRESS), 'ann');
    assert.equal(await auth.check(basic('bob', 'secret'), ADDRESS), 'bob');
  });

  it('refuses a wrong password, an unknown user, no login and another scheme', async (t) => {
    const { auth } = await authOf(t, line('ann', 'right'));
    for (const login of [
      basic('ann', 'wrong'),
      basic('eve', 'right'),
      undefined,
      'Bearer x',
      'Basic %%%',
      'Basic YW5u',
    ]) {
      await refuses(auth, login);
    }
  });

  it('remembers a good login only as long as the file has it', async (t) => {
    const { auth, file } = await authOf(t, line('ann', 'old'));
    await auth.check(basic('ann', 'old'), ADDRESS);
    writeFileSync(file, line('ann', 'new password'));
    await auth.reread();
    await refuses(auth, basic('ann', 'old'));
    await auth.check(basic('ann', 'new password'), ADDRESS);
  });

  it('notices by itself that the file has changed', async (t) => {
    const { auth, file, clock, lines } = await authOf(t, line('ann', 'old'));
    writeFileSync(file, line('bob', 'other'));
    await clock.advance(2_000);
    // It joins the look that is under way.
    await auth.reread();
    await refuses(auth, basic('ann', 'old'));
    await auth.check(basic('bob', 'other'), ADDRESS);
    assert.match(lines.join(''), /changed files read again/);
  });

  it('keeps the users it knows while the new file will not do, and says so once', async (t) => {
    const { auth, file, lines } = await authOf(t, line('ann', 'right'));
    writeFileSync(file, `${line('ann', 'right')}bob:plain-canary\n`);
    await auth.reread();
    await auth.reread();
    rmSync(file);
    await auth.reread();
    await auth.check(basic('ann', 'right'), ADDRESS);
    assert.equal(lines.filter((text) => text.includes('stays in force')).length, 2, 'once for each change');
    assert.match(lines.join(''), /:2: expected a bcrypt hash/);
    assert.ok(!lines.join('').includes('plain-canary'));
  });
});

describe('who keeps failing', () => {
  it('is refused at once, and told to wait', async (t) => {
    const { auth, clock } = await authOf(t, line('ann', 'right'));
    for (let failure = 0; failure < 5; failure++) await refuses(auth, basic('ann', `wrong ${failure}`));
    await refuses(auth, basic('ann', 'right'), 'TOO_MANY_FAILURES');
    await clock.advance(60_001);
    await auth.check(basic('ann', 'right'), ADDRESS);
  });

  it('holds up neither others behind the same address, nor the same user elsewhere', async (t) => {
    const { auth } = await authOf(t, line('ann', 'right') + line('bob', 'also right'));
    for (let failure = 0; failure < 6; failure++)
      await auth.check(basic('ann', `wrong ${failure}`), ADDRESS).catch(() => undefined);
    await refuses(auth, basic('ann', 'right'), 'TOO_MANY_FAILURES');
    await auth.check(basic('bob', 'also right'), ADDRESS);
    await auth.check(basic('ann', 'right'), '192.0.2.2');
  });

  it('by going through users is refused by address, remembered logins apart', async (t) => {
    const { auth } = await authOf(t, line('ann', 'right'));
    await auth.check(basic('ann', 'right'), ADDRESS);
    for (let user = 0; user < 50; user++) await refuses(auth, basic(`user${user}`, 'guess'));
    await refuses(auth, basic('another', 'guess'), 'TOO_MANY_FAILURES');
    await auth.check(basic('ann', 'right'), ADDRESS);
  });

  it('gains nothing by taking another address of the same IPv6 network', async (t) => {
    const { auth } = await authOf(t, line('ann', 'right'));
    for (let host = 1; host <= 5; host++)
      await refuses(auth, basic('ann', 'wrong'), 'UNAUTHORIZED', `2001:db8::${host}`);
    await refuses(auth, basic('ann', 'wrong'), 'TOO_MANY_FAILURES', '2001:db8::6');
    await refuses(auth, basic('ann', 'wrong'), 'UNAUTHORIZED', '2001:db8:0:1::1');
    await refuses(auth, basic('ann', 'wrong'), 'UNAUTHORIZED', '::ffff:192.0.2.7');
  });

  it('gains nothing by sending all guesses at once', async (t) => {
    const { auth } = await authOf(t, line('ann', 'right'));
    const guesses = Array.from({ length: 40 }, (_, i) => auth.check(basic('ann', `guess ${i}`), ADDRESS));
    const codes = (await Promise.allSettled(guesses)).map((result) =>
      result.status === 'rejected' && isAppError(result.reason) ? result.reason.code : 'in',
    );
    assert.equal(codes.filter((code) => code === 'UNAUTHORIZED').length, 5);
    assert.equal(codes.filter((code) => code === 'TOO_MANY_FAILURES').length, 35);
  });
});

describe('the cost of logins', () => {
  it('is paid once by a herd with one credential, and in another thread', async (t) => {
    // A tenth of a second and more each: a hundred of them in this thread would stop the clock below.
    const { auth } = await authOf(t, line('robot', 'right', 11));
    let turns = 0;
    let done = false;
    const spin = (): void => {
      turns++;
      if (!done) setImmediate(spin);
    };
    spin();
    const herd = Array.from({ length: 200 }, (_, i) => auth.check(basic('robot', 'right'), `192.0.2.${i}`));
    assert.deepEqual([...new Set(await Promise.all(herd))], ['robot']);
    done = true;
    assert.ok(turns > 100, `the event loop turned ${turns} times meanwhile`);
  });

  it('is bounded: who comes when too many wait is told to come again', async (t) => {
    const { auth } = await authOf(t, line('ann', 'right'));
    const crowd = Array.from({ length: 80 }, (_, i) => auth.check(basic('ann', `guess ${i}`), `192.0.2.${i}`));
    const codes = (await Promise.allSettled(crowd)).map((result) =>
      result.status === 'rejected' && isAppError(result.reason) ? result.reason.code : 'in',
    );
    assert.equal(codes.filter((code) => code === 'OVERLOADED').length, 80 - 64);
    await auth.check(basic('ann', 'right'), ADDRESS);
  });

  it('ends with the daemon', async (t) => {
    const { auth } = await authOf(t, line('ann', 'right', 10));
    const waiting = auth.check(basic('ann', 'right'), ADDRESS);
    const refused = assert.rejects(waiting, (error) => isAppError(error, 'DRAINING'));
    // It waits for its turn first.
    await new Promise((resolve) => setImmediate(resolve));
    await auth.close();
    await refused;
  });
});
