/**
 * The endpoints of clouds that real SDKs fetch registry credentials from, as far as they are asked: Amazon's ECR and ECR
 * Public, Google's metadata server and token endpoint, Azure's managed identity and a registry's AAD exchange. They give
 * `secret-1`, `secret-2`, …, or nothing while they are broken.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Clock } from '../../src/lib/clock.js';
import { Listener } from './listener.js';
import type { Scope } from './tmp.js';

export interface CloudRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

const HOUR = 3_600_000;

export class FakeClouds {
  readonly requests: CloudRequest[] = [];
  /** Every one that was given, and in which form. */
  readonly secrets: string[] = [];
  given = 0;
  broken = false;
  readonly #clock: Clock;
  readonly #listener: Listener;

  private constructor(clock: Clock, listener: Listener) {
    this.#clock = clock;
    this.#listener = listener;
  }

  static async start(scope: Scope, clock: Clock): Promise<FakeClouds> {
    const listener = await Listener.open((request, response) => void clouds.#answer(request, response));
    const clouds = new FakeClouds(clock, listener);
    scope.after(() => listener.down());
    return clouds;
  }

  get url(): string {
    return this.#listener.url;
  }

  get authority(): string {
    return this.#listener.authority;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url: path = '', headers } = request;
    const body = await text(request);
    this.requests.push({ path, authorization: headers.authorization, body });
    const target = String(headers['x-amz-target'] ?? '');
    const answer = this.broken ? undefined : this.#give(path.split('?')[0] ?? '', target, headers['metadata-flavor']);
    const type = target === '' ? 'application/json' : 'application/x-amz-json-1.1';
    response.writeHead(answer ? 200 : 403, { 'content-type': type, 'metadata-flavor': 'Google' });
    response.end(JSON.stringify(answer ?? { __type: 'AccessDeniedException', error: 'invalid_grant', message: 'no' }));
  }

  #give(path: string, target: string, flavor: unknown): object | undefined {
    if (target.endsWith('.GetAuthorizationToken')) {
      const expiresAt = (this.#clock.now() + 12 * HOUR) / 1000;
      const token = { authorizationToken: Buffer.from(`AWS:${this.#next()}`).toString('base64'), expiresAt };
      return { authorizationData: target.startsWith('Spencer') ? token : [token] };
    }
    if (path === '/computeMetadata/v1/instance/service-accounts/default/token' && flavor === 'Google') {
      return { access_token: this.#next(), expires_in: 3600, token_type: 'Bearer' };
    }
    if (path === '/token') return { access_token: this.#next(), expires_in: 3600, token_type: 'Bearer' };
    if (path === '/msi/token') {
      return {
        access_token: 'aad-secret',
        expires_on: String(Math.floor(Date.now() / 1000) + 3600),
        token_type: 'Bearer',
      };
    }
    if (path === '/oauth2/exchange') {
      const claims = { jti: this.#next(), exp: Math.floor((this.#clock.now() + 3 * HOUR) / 1000) };
      const token = ['{"alg":"none"}', JSON.stringify(claims), 's'].map((part) =>
        Buffer.from(part).toString('base64url'),
      );
      this.secrets.push(token.join('.'));
      return { refresh_token: token.join('.') };
    }
    return undefined;
  }

  #next(): string {
    const secret = `secret-${++this.given}-${'x'.repeat(20)}`;
    this.secrets.push(secret);
    return secret;
  }
}
