/**
 * Which outbound proxy a URL is to be reached through. The upstream's own `proxy` option wins and is for all its traffic;
 * without it HTTPS_PROXY, HTTP_PROXY and NO_PROXY decide as they do for curl, in either case of letters, and NO_PROXY may
 * hold networks (10.0.0.0/8) besides names.
 */
import ipaddr from 'ipaddr.js';
import { AppError } from '../lib/errors.js';
import { portOf } from './address-guard.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export class ProxyChoice {
  readonly #fixed: URL | undefined;
  readonly #https: URL | undefined;
  readonly #http: URL | undefined;
  readonly #exceptions: readonly string[];

  /** Throws CONFIG_INVALID on a proxy that is no http or https URL. */
  constructor(proxy: string | undefined, env: Environment = {}) {
    const read = (name: string) => env[name.toLowerCase()] ?? env[name] ?? '';
    this.#fixed = parseProxy('proxy', proxy ?? '');
    this.#https = parseProxy('HTTPS_PROXY', read('HTTPS_PROXY'));
    this.#http = parseProxy('HTTP_PROXY', read('HTTP_PROXY'));
    this.#exceptions = read('NO_PROXY')
      .toLowerCase()
      .split(/[\s,]+/)
      .filter((entry) => entry !== '');
  }

  /** Whether anything may go through a proxy. */
  get any(): boolean {
    return (this.#fixed ?? this.#https ?? this.#http) !== undefined;
  }

  for(url: URL): URL | undefined {
    if (this.#fixed) return this.#fixed;
    const proxy = url.protocol === 'https:' ? this.#https : this.#http;
    return proxy && !this.#exceptions.some((entry) => exempts(entry, url)) ? proxy : undefined;
  }
}

function exempts(entry: string, url: URL): boolean {
  if (entry === '*') return true;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (ipaddr.isValidCIDR(entry)) {
    if (!ipaddr.isValid(host)) return false;
    const [network, bits] = ipaddr.parseCIDR(entry);
    const ip = ipaddr.process(host);
    return ip.kind() === network.kind() && ip.match(network, bits);
  }
  const [, name = entry, port] = /^(?:\*?\.)?(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  if (port !== undefined && Number(port) !== portOf(url)) return false;
  return host === name || host === entry || host.endsWith(`.${name}`);
}

function parseProxy(name: string, text: string): URL | undefined {
  if (text === '') return undefined;
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  // The text may hold a password, so it is not repeated.
  if (!url || !/^https?:$/.test(url.protocol)) throw new AppError('CONFIG_INVALID', `${name} is no http or https URL`);
  return url;
}
