/**
 * Who may pull, when clients have to show a certificate (mTLS). The handshake lets everybody in and the request is refused,
 * so that a person reads why instead of a broken connection.
 */
import type { Socket } from 'node:net';
import { TLSSocket, type PeerCertificate } from 'node:tls';
import { AppError } from '../lib/errors.js';

const LONGEST_NAME = 200;

export class ClientCertificates {
  /** Of each connection, once: reading a certificate is slow. */
  readonly #names = new WeakMap<Socket, string>();

  /**
   * The name in the certificate that the connection's client showed. Throws CERTIFICATE_REQUIRED.
   *
   * Decision: `authorized` alone is not believed. Node.js says so too of a TLS 1.3 session that was resumed by a client
   * which never showed a certificate, so there must be one to see.
   */
  check(socket: Socket): string {
    const before = this.#names.get(socket);
    if (before !== undefined) return before;
    if (!(socket instanceof TLSSocket)) throw refused('this listener has no TLS');
    const { subject, subjectaltname } = socket.getPeerCertificate() as Partial<PeerCertificate>;
    if (subject === undefined) throw refused('show a client certificate to pull from this mirror');
    if (!socket.authorized)
      throw refused(`your client certificate is not accepted (${String(socket.authorizationError)})`);
    const [name] = [subject.CN].flat();
    const found = (name ?? subjectaltname ?? 'unnamed').slice(0, LONGEST_NAME);
    this.#names.set(socket, found);
    return found;
  }
}

const refused = (why: string): AppError => new AppError('CERTIFICATE_REQUIRED', why);
