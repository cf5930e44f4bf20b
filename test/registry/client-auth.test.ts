import assert from 'node:assert/strict';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import bcrypt from 'bcryptjs';
import { isAppError, type ErrorCode } from '../../src/lib/errors.js';
import { ClientAuth } from '../../src/registry/client-auth.js';
import { ManualClock } from '../support/manual-clock.js';
import { temporaryDirectory } from '../support/tmp.js';

const ADDRESS = '192.0.2.1';
const line = (user: string, password: string) => `${user}:${bcrypt.hashSync(password, 4)}\n`;
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

async function authOf(t: TestContext, content: string) {
  const htpasswdFile = join(await temporaryDirectory(t), 'htpasswd');
  writeFileSync(htpasswdFile, content);
  const clock = new ManualClock();
  return { htpasswdFile, clock, auth: await ClientAuth.open({ htpasswdFile, clock }) };
}

const refuses = (
  auth: ClientAuth,
  authorization: string | undefined,
  code: ErrorCode = 'UNAUTHORIZED',
  address = ADDRESS,
) => assert.rejects(auth.check(authorization, address), (error) => isAppError(error, code));

describe('client login', () => {
  it('lets in who has the password, whatever else the file holds', async (t) => {
    const { auth } = await authOf(t, `# people\n\nbroken\n${line('ann', 'a:b')}${line('bob', 'secret')}`);
    await auth.check(basic('ann', 'a:b'), ADDRESS);
    await auth.check(basic('bob', 'secret'), ADDRESS);
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

  it('refuses at once, and says to wait, who keeps failing; others are not held up', async (t) => {
    const { auth, clock } = await authOf(t, line('ann', 'right'));
    for (let failure = 0; failure < 5; failure++) await refuses(auth, basic('ann', `wrong ${failure}`));
    await refuses(auth, basic('ann', 'right'), 'TOO_MANY_FAILURES');
    await auth.check(basic('ann', 'right'), '192.0.2.2');
    await clock.advance(60_001);
    await auth.check(basic('ann', 'right'), ADDRESS);
  });

  it('remembers a good login only as long as the file has it', async (t) => {
    const { auth, htpasswdFile } = await authOf(t, line('ann', 'old'));
    await auth.check(basic('ann', 'old'), ADDRESS);
    writeFileSync(htpasswdFile, line('ann', 'new password'));
    utimesSync(htpasswdFile, 1, 1);
    await refuses(auth, basic('ann', 'old'));
    await auth.check(basic('ann', 'new password'), ADDRESS);
  });

  it('is an error of the configuration when the file names nobody', async (t) => {
    await assert.rejects(
      authOf(t, 'ann:{SHA}abc\n'),
      (error) => isAppError(error, 'CONFIG_INVALID') && /htpasswd -nB/.test(error.message),
    );
  });
});
