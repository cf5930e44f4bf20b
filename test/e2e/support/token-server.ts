/**
 * A small token server as the distribution specification describes it: Basic login in, a signed JWT for the asked scopes
 * out. The key and its certificate are made with openssl; docker-registry trusts the certificate.
 */
import { createPrivateKey, randomUUID, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { run } from './processes.js';

const SERVICE = 'e2e-registry';
const ISSUER = 'e2e-token-server';

export interface Account {
  readonly password: string;
  readonly actions: readonly string[];
}

export class TokenServer {
  readonly certificateFile: string;
  readonly #server: Server;
  readonly #key: KeyObject;
  readonly #certificate: string;
  readonly #accounts: Readonly<Record<string, Account>>;
  /** Who was given a token, in order. */
  readonly issued: string[] = [];

  private constructor(
    certificateFile: string,
    key: KeyObject,
    certificate: string,
    accounts: Readonly<Record<string, Account>>,
  ) {
    this.certificateFile = certificateFile;
    this.#key = key;
    this.#certificate = certificate;
    this.#accounts = accounts;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(dir: string, accounts: Readonly<Record<string, Account>>): Promise<TokenServer> {
    await mkdir(dir, { recursive: true });
    const [keyFile, certificateFile] = [join(dir, 'token.key'), join(dir, 'token.crt')];
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
    await run('openssl', [
      'req',
      '-x509',
      '-batch',
      '-days',
      '2',
      '-subj',
      `/CN=${ISSUER}`,
      ...newKey,
      '-out',
      certificateFile,
    ]);
    const certificate = new X509Certificate(await readFile(certificateFile)).raw.toString('base64');
    const server = new TokenServer(certificateFile, createPrivateKey(await readFile(keyFile)), certificate, accounts);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    server.#server.unref();
    return server;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The `auth` section that makes docker-registry send its clients here. */
  get registryAuth(): object {
    return {
      token: {
        realm: `http://${this.host}/token`,
        service: SERVICE,
        issuer: ISSUER,
        rootcertbundle: this.certificateFile,
      },
    };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://token');
    const [user = '', password = ''] = Buffer.from(
      (request.headers.authorization ?? '').replace(/^Basic /, ''),
      'base64',
    )
      .toString()
      .split(':');
    const account = Object.hasOwn(this.#accounts, user) ? this.#accounts[user] : undefined;
    if (url.pathname !== '/token' || url.searchParams.get('service') !== SERVICE || account?.password !== password) {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
      return;
    }
    const access = url.searchParams.getAll('scope').map((scope) => {
      const [type = '', name = '', actions = ''] = scope.split(':');
      return { type, name, actions: actions.split(',').filter((action) => account.actions.includes(action)) };
    });
    this.issued.push(user);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ token: this.#token(user, access), expires_in: 300 }));
  }

  /** docker-registry finds the key by the certificate in the header, and wants ES256's signature as plain r||s. */
  #token(subject: string, access: readonly object[]): string {
    const now = Math.floor(Date.now() / 1000);
    const header = { typ: 'JWT', alg: 'ES256', x5c: [this.#certificate] };
    const claims = {
      iss: ISSUER,
      sub: subject,
      aud: SERVICE,
      exp: now + 300,
      nbf: now - 10,
      iat: now,
      jti: randomUUID(),
      access,
    };
    const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    const signature = sign('sha256', Buffer.from(text), { key: this.#key, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  }
}
