/** Certificate authorities that live as long as a test. They are made with openssl; without it those tests are skipped. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Scope, temporaryDirectory } from './tmp.js';

/** For `describe`. */
export const skipWithoutOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Issued {
  /** `127.0.0.1` without it. */
  readonly san?: string;
  /** It ran out yesterday. */
  readonly expired?: boolean;
}

export interface Authority {
  readonly caFile: string;
  readonly ca: string;
  /** A certificate for the common name, in files of its own. */
  issue(name: string, options?: Issued): CertificateFiles;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export async function makeAuthority(scope: Scope): Promise<Authority> {
  const dir = await temporaryDirectory(scope);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  const subject = ['-subj', '/CN=test authority', '-days', '2'];
  openssl('req', '-x509', ...NEW_KEY, '-keyout', 'ca.key', '-out', 'ca.pem', ...subject);
  const caFile = join(dir, 'ca.pem');
  let issued = 0;
  return {
    caFile,
    ca: readFileSync(caFile, 'utf8'),
    issue: (name, { san = 'IP:127.0.0.1', expired = false } = {}) => {
      const base = `${++issued}`;
      openssl('req', ...NEW_KEY, '-keyout', `${base}.key`, '-out', `${base}.csr`, '-subj', `/CN=${name}`);
      writeFileSync(join(dir, `${base}.ext`), `subjectAltName=${san}\n`);
      const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', expired ? '-1' : '1'];
      openssl('x509', '-req', '-in', `${base}.csr`, '-out', `${base}.pem`, ...by, '-extfile', `${base}.ext`);
      return { certFile: join(dir, `${base}.pem`), keyFile: join(dir, `${base}.key`) };
    },
  };
}

/** As a TLS client or server takes them. */
export const pemOf = ({ certFile, keyFile }: CertificateFiles): { readonly cert: string; readonly key: string } => ({
  cert: readFileSync(certFile, 'utf8'),
  key: readFileSync(keyFile, 'utf8'),
});
