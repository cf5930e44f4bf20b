/** The certificate of a listener, read again when its files change, so that a renewal needs no restart. */
import { readFile, stat } from 'node:fs/promises';
import type { Server } from 'node:https';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';

const CHECK_MS = 10_000;

export interface TlsPaths {
  readonly certFile: string;
  readonly keyFile: string;
}

export const readTls = async ({ certFile, keyFile }: TlsPaths): Promise<{ cert: Buffer; key: Buffer }> => ({
  cert: await readFile(certFile),
  key: await readFile(keyFile),
});

/** Follows the files until the returned function is called. A pair that does not fit keeps the old one, and says so. */
export function followTls(server: Server, paths: TlsPaths, clock: Clock, log: Logger): () => void {
  let seen = '';
  const check = async (): Promise<void> => {
    const stats = await Promise.all([stat(paths.certFile), stat(paths.keyFile)]);
    const version = stats.map(({ mtimeMs, size }) => `${mtimeMs} ${size}`).join();
    if (seen !== '' && version !== seen) {
      server.setSecureContext(await readTls(paths));
      log.info({ certFile: paths.certFile }, 'certificate reloaded');
    }
    seen = version;
  };
  const run = () => {
    check().catch((error: unknown) =>
      log.error({ err: error, ...paths }, 'certificate not reloaded; the old one stays'),
    );
  };
  run();
  return clock.every(CHECK_MS, run);
}
