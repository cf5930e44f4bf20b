/** The certificate of a listener and, where clients have to show one too, the authority that signs theirs. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Clock } from './clock.js';
import { AppError } from './errors.js';
import { FollowedFiles } from './followed-files.js';
import type { Logger } from './log.js';

export interface TlsPaths {
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients must show a certificate that it signed. */
  readonly clientCaFile?: string | undefined;
}

/** As `tls.createServer` and `setSecureContext` take it. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

/** Throws CONFIG_INVALID when they cannot be used together, and the system error of a file that cannot be read. */
export function followTls(tls: TlsPaths, clock: Clock, log: Logger): Promise<FollowedFiles<TlsMaterial>> {
  const { certFile, keyFile, clientCaFile } = tls;
  const paths = [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])];
  return FollowedFiles.open({ paths, read: () => readTls(tls), clock, log });
}

/** When the certificate ends, in milliseconds since the epoch. */
export const endOf = ({ cert }: TlsMaterial): number => Date.parse(new X509Certificate(cert).validTo);

async function readTls({ certFile, keyFile, clientCaFile }: TlsPaths): Promise<TlsMaterial> {
  const [cert, key] = [await readFile(certFile), await readFile(keyFile)];
  const material = clientCaFile === undefined ? { cert, key } : { cert, key, ca: await readFile(clientCaFile) };
  try {
    createSecureContext(material);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('CONFIG_INVALID', `${certFile} and ${keyFile} are no certificate and its key (${why})`, {
      cause,
    });
  }
  // OpenSSL takes a file without any certificate for one that trusts nobody.
  if (material.ca && !material.ca.includes('-----BEGIN CERTIFICATE-----'))
    throw new AppError('CONFIG_INVALID', `${clientCaFile ?? ''} holds no certificate`);
  return material;
}
