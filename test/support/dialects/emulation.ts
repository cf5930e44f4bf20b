/**
 * A registry that speaks a dialect, under its real names: the daemon is configured as it would be for the real one, and an
 * outbound proxy leads all of the dialect's hosts, over TLS, to one fake registry. Other hosts cannot be reached.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Auth } from '../fake-auth.js';
import { FakeRegistry } from '../fake-registry.js';
import type { Tls } from '../listener.js';
import type { Scope } from '../tmp.js';
import type { Dialect } from './dialect.js';
import { reshape } from './reshape.js';

/** Certificates are made by openssl; without it nothing here can run. */
export const canEmulate = spawnSync('openssl', ['version']).status === 0;

export const PASSWORD = 'the password of these tests';

/** GHCR's is asked for and must not be believed. */
const WEB_PAGE = 'github.com';

export interface Certificate extends Tls {
  readonly caFile: string;
}

/** A certificate for all names that the dialects have. Remove its directory when done. */
export function certificateFor(dialects: readonly Dialect[]): Certificate & { remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'cistern-dialects-'));
  const names = [...new Set(dialects.flatMap(hostsOf))].map((host) => `DNS:${host}`).join(',');
  const [keyFile, caFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  const subject = ['-subj', '/CN=emulated registries', '-addext', `subjectAltName=${names}`];
  execFileSync('openssl', ['req', '-x509', ...newKey, '-out', caFile, '-days', '2', ...subject], { stdio: 'pipe' });
  const remove = () => rmSync(directory, { recursive: true });
  return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(caFile, 'utf8'), caFile, remove };
}

export class Emulation {
  readonly registry: FakeRegistry;
  readonly dialect: Dialect;
  /** Hosts that were asked for and are none of the dialect's. */
  readonly strangers: string[] = [];
  readonly #caFile: string;
  readonly #proxy: Server;

  private constructor(dialect: Dialect, registry: FakeRegistry, caFile: string) {
    this.dialect = dialect;
    this.registry = registry;
    this.#caFile = caFile;
    this.#proxy = createServer();
  }

  /** Stopped when the scope ends. */
  static async start(scope: Scope, dialect: Dialect, certificate: Certificate): Promise<Emulation> {
    const registry: FakeRegistry = await FakeRegistry.start(scope, {
      auth: authOf(dialect),
      cdn: dialect.blobs.redirect !== undefined,
      tls: certificate,
      reshape: (reply, request) => reshape(dialect, holdings, reply, request),
    });
    const holdings = {
      maySee: (repository: string, user: string) => registry.maySee(repository, user),
      exists: (repository: string) => registry.repositories.find(repository) !== undefined,
      challenge: (repository: string) => challengeOf(registry, repository),
      users: () => ('users' in registry.auth.mode ? (registry.auth.mode.users ?? {}) : {}),
    };
    const emulation = new Emulation(dialect, registry, certificate.caFile);
    await emulation.#listen(scope);
    return emulation;
  }

  /** The entry of `upstreams` that leads here; but for the way, what the documents give as the least there must be. */
  entry(): { readonly name: string } & Readonly<Record<string, unknown>> {
    const { port } = this.#proxy.address() as AddressInfo;
    return { ...this.dialect.entry, proxy: `http://127.0.0.1:${port}`, tls: { caFile: this.#caFile } };
  }

  async #listen(scope: Scope): Promise<void> {
    const open = new Set<Socket>();
    const hosts = new Set(hostsOf(this.dialect));
    this.#proxy.on('connect', ({ url = '' }: { readonly url?: string }, client: Socket, head: Buffer) => {
      const host = url.replace(/:\d+$/, '');
      if (!hosts.has(host)) {
        this.strangers.push(host);
        client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
        return;
      }
      const server = connect(this.registry.port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        server.write(head);
        server.pipe(client).pipe(server);
      });
      server.once('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
      for (const [socket, other] of [
        [client, server],
        [server, client],
      ] as const) {
        open.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          open.delete(socket);
          other.destroySoon();
        });
      }
    });
    this.#proxy.listen(0, '127.0.0.1');
    await once(this.#proxy, 'listening');
    scope.after(async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => this.#proxy.close(resolve));
    });
  }
}

const challengeOf = (registry: FakeRegistry, repository: string): string =>
  String(registry.auth.challenge(`repository:${repository}:pull`, 'insufficient_scope').headers['www-authenticate']);

const hostsOf = ({ host, manifestHost, login, blobs, referrers }: Dialect): readonly string[] =>
  [
    host,
    manifestHost,
    login.type === 'bearer' ? new URL(login.realm.replace(/(:\d+):\d+/, '$1')).hostname : undefined,
    blobs.redirect,
    referrers === 'web page' ? WEB_PAGE : undefined,
  ].flatMap((name) => (name === undefined ? [] : [name.replace(/:\d+$/, '')]));

function authOf({ login, host }: Dialect): Auth {
  switch (login.type) {
    case 'none':
      return { type: 'none' };
    case 'basic':
      return { type: 'basic', users: { [login.user]: PASSWORD } };
    case 'bearer': {
      const { user, ...bearer } = login;
      return { service: host, ...bearer, users: { [user]: PASSWORD } };
    }
  }
}
