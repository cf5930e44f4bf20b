/** How a fake registry asks who is there: the ways that real registries do, one options object each. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Reply } from './fake-reply.js';

export interface BasicAuth {
  readonly type: 'basic';
  readonly users: Readonly<Record<string, string>>;
}

export interface BearerAuth {
  readonly type: 'bearer';
  readonly users?: Readonly<Record<string, string>>;
  /** Whether a request for a token may come without a credential; true without it. */
  readonly anonymous?: boolean;
  /** Sent in the challenge in place of the token endpoint there is. */
  readonly realm?: string;
  /** The token endpoint is a server of its own. */
  readonly separate?: boolean;
  readonly service?: string;
  /** One scope for everything; empty for none at all. */
  readonly scope?: string;
  /** Which field holds the token; both, as Docker Hub does, without it. */
  readonly field?: 'token' | 'access_token';
  /** Seconds, as answered; `none` leaves the field out. */
  readonly expiresIn?: number | 'none';
  /** `ping`: only /v2/ challenges, everything else is a bare 401. */
  readonly challenge?: 'everywhere' | 'ping';
  /** What a wrong password gets at the token endpoint; 401 without it. */
  readonly refusal?: 401 | 403;
  /** What an expired token gets: 401 and a challenge, or ECR Public's 400 without one. */
  readonly expired?: 401 | 400;
}

export type Auth = { readonly type: 'none' } | BasicAuth | BearerAuth;

interface Token {
  readonly user: string;
  readonly scopes: readonly string[];
  valid: boolean;
}

/** Who asks, or the answer that turns them away. */
export type Admission = { readonly user: string } | { readonly refused: Reply };

export const ANONYMOUS = '';

export class FakeAuth {
  mode: Auth;
  readonly #realm: () => string;
  readonly #tokens = new Map<string, Token>();

  constructor(mode: Auth, realm: () => string) {
    this.mode = mode;
    this.#realm = realm;
  }

  /** Where tokens are asked for. */
  get tokenPath(): string {
    const realm = this.mode.type === 'bearer' ? (this.mode.realm ?? '') : '';
    return /^https?:\/\/[^/]+(\/[^?#]*)/.exec(realm)?.[1] ?? '/token';
  }

  /** Every token given so far is worth nothing from now on. */
  expireTokens(): void {
    for (const token of this.#tokens.values()) token.valid = false;
  }

  admit(request: IncomingMessage, repository: string | undefined): Admission {
    const { mode } = this;
    const header = request.headers.authorization;
    switch (mode.type) {
      case 'none':
        return { user: ANONYMOUS };
      case 'basic': {
        const user = basicUser(header, mode.users);
        if (user !== undefined) return { user };
        return { refused: Reply.error(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="fake registry"' }) };
      }
      case 'bearer': {
        const own = repository === undefined ? undefined : `repository:${repository}:pull`;
        const scope = mode.scope === undefined ? own : mode.scope || undefined;
        const token = header?.startsWith('Bearer ') ? this.#tokens.get(header.slice(7)) : undefined;
        if (token && !token.valid && mode.expired === 400) return { refused: Reply.error(400, 'DENIED') };
        if (token?.valid && (scope === undefined || token.scopes.includes(scope))) return { user: token.user };
        if (mode.challenge === 'ping' && repository !== undefined) return { refused: Reply.error(401, 'UNAUTHORIZED') };
        return { refused: this.challenge(scope, token?.valid ? 'insufficient_scope' : undefined) };
      }
    }
  }

  /** A 401 that says where to get a token. */
  challenge(scope: string | undefined, error?: string): Reply {
    const mode = this.mode.type === 'bearer' ? this.mode : undefined;
    const parts = [
      `realm="${mode?.realm ?? this.#realm()}"`,
      `service="${mode?.service ?? 'fake'}"`,
      ...(scope === undefined ? [] : [`scope="${scope}"`]),
      ...(error === undefined ? [] : [`error="${error}"`]),
    ];
    return Reply.error(401, 'UNAUTHORIZED', { 'www-authenticate': `Bearer ${parts.join(',')}` });
  }

  /** The token endpoint. */
  token(request: IncomingMessage, query: URLSearchParams): Reply {
    const { mode } = this;
    if (mode.type !== 'bearer') return Reply.error(404, 'UNKNOWN');
    if (request.method !== 'GET') return Reply.error(404, 'UNSUPPORTED');
    const header = request.headers.authorization;
    const user = header === undefined && mode.anonymous !== false ? ANONYMOUS : basicUser(header, mode.users ?? {});
    if (user === undefined) return Reply.error(mode.refusal ?? 401, mode.refusal === 403 ? 'DENIED' : 'UNAUTHORIZED');
    const value = randomBytes(16).toString('hex');
    this.#tokens.set(value, { user, scopes: query.getAll('scope').flatMap((scope) => scope.split(' ')), valid: true });
    const fields = mode.field === undefined ? { token: value, access_token: value } : { [mode.field]: value };
    const life = mode.expiresIn === 'none' ? {} : { expires_in: mode.expiresIn ?? 300 };
    return new Reply(200, { 'content-type': 'application/json' }, JSON.stringify({ ...fields, ...life }));
  }
}

export function basicUser(header: string | undefined, users: Readonly<Record<string, string>>): string | undefined {
  if (!header?.startsWith('Basic ')) return undefined;
  const [user = '', ...rest] = Buffer.from(header.slice(6), 'base64').toString().split(':');
  return users[user] === rest.join(':') ? user : undefined;
}
