/** Debian's Chromium without a window. It is asked for nothing but what a test opens, and has a profile that dies with it. */
import { chromium, type Browser } from 'playwright-core';
import { suiteScope } from '../../support/tmp.js';
import { missing } from '../clients/programs.js';

const PROGRAM = '/usr/bin/chromium';

/** For `describe`: why tests that need it are skipped, if they are. In CI they fail instead. */
export const skip =
  missing([PROGRAM]) !== undefined && process.env.CI === undefined ? `${PROGRAM} is not installed` : false;

/** One for a whole `describe`; to be called in its body. */
export function sharedBrowser(): () => Promise<Browser> {
  const scope = suiteScope();
  let started: Promise<Browser> | undefined;
  scope.after(async () => (await started)?.close());
  return () => {
    // The tests may run as root, where Chromium has no sandbox.
    started ??= chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox', '--disable-gpu'] });
    return started;
  };
}
