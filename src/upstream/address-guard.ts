/**
 * Which addresses an upstream may make us connect to. An upstream names hosts we did not choose (token realms, redirects),
 * so by default only public addresses are allowed; `allowNetworks` opens private ones; link-local addresses (where clouds
 * keep their credentials) and our own listeners are never allowed. The check is of the address that is then connected to:
 * a name that resolves differently the next time gains nothing. Behind an outbound proxy, names are the proxy's to resolve.
 */
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import { AppError } from '../lib/errors.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

export interface ListenerAddress {
  readonly address: string;
  readonly port: number;
}

/** Resolves a host name to all its addresses. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

export interface AddressGuardOptions {
  /** CIDRs of addresses that are not public but may be connected to. */
  readonly allowNetworks: readonly string[];
  readonly ownListeners: () => readonly ListenerAddress[];
  readonly lookup?: Resolve | undefined;
}

/** IPv4 addresses that an IPv6 network translates to (RFC 6052): what counts is the address inside. */
const NAT64 = ipaddr.parseCIDR('64:ff9b::/96');
/** All that IANA has given out as global unicast; what lies outside is not public, whatever else it may be. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');
const NEVER: ReadonlySet<string> = new Set(['linkLocal', 'unspecified', 'multicast', 'broadcast']);

const systemResolve: Resolve = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => {
      if (error) reject(error);
      else resolve(addresses);
    });
  });

export class AddressGuard {
  readonly #allowed: readonly [Address, number][];
  readonly #ownListeners: () => readonly ListenerAddress[];
  readonly #resolve: Resolve;

  /** Throws CONFIG_INVALID when `allowNetworks` holds something that is no CIDR. */
  constructor(options: AddressGuardOptions) {
    this.#allowed = options.allowNetworks.map(parseNetwork);
    this.#ownListeners = options.ownListeners;
    this.#resolve = options.lookup ?? systemResolve;
  }

  /** Whether every address that can be connected to is public. */
  get publicOnly(): boolean {
    return this.#allowed.length === 0;
  }

  allows(address: string, port: number): boolean {
    if (!ipaddr.isValid(address)) return false;
    const ip = canonical(address);
    if (NEVER.has(ip.range()) || this.#isOurs(ip, port)) return false;
    return isPublic(ip) || this.#allowed.some((network) => matches(ip, network));
  }

  /**
   * Checks a URL whose host is an address literal; such hosts are never looked up. The URL parser has already turned
   * decimal, octal and hexadecimal spellings into the usual one. Throws UPSTREAM_FORBIDDEN_ADDRESS.
   */
  checkLiteral(url: URL): void {
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(host) !== 0 && !this.allows(host, portOf(url))) throw forbidden(host);
  }

  /** A lookup for `net.connect` that answers with nothing but allowed addresses. */
  lookupFor(port: number): LookupFunction {
    return (hostname, options, callback) => {
      this.#lookup(hostname, port).then(
        (addresses) => {
          const wanted = addresses.filter(
            ({ family }) => !options.family || `IPv${family}` === String(options.family) || family === options.family,
          );
          const [first] = wanted;
          if (!first) callback(forbidden(hostname), '');
          else if (options.all) callback(null, wanted);
          else callback(null, first.address, first.family);
        },
        (error: unknown) => callback(error as NodeJS.ErrnoException, ''),
      );
    };
  }

  async #lookup(hostname: string, port: number): Promise<LookupAddress[]> {
    const found = await this.#resolve(hostname);
    const allowed = found.filter(({ address }) => this.allows(address, port));
    if (allowed.length === 0) throw forbidden(hostname);
    return allowed;
  }

  #isOurs(ip: Address, port: number): boolean {
    return this.#ownListeners().some((listener) => {
      if (listener.port !== port) return false;
      const own = ipaddr.isValid(listener.address) ? canonical(listener.address) : undefined;
      if (own && own.range() !== 'unspecified') return same(own, ip);
      // It listens on every address of this machine.
      return ip.range() === 'loopback' || machineAddresses().some((address) => same(canonical(address), ip));
    });
  }
}

export const portOf = (url: URL): number =>
  url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);

/** The address that packets will really go to: v4 addresses also when written inside v6 ones. */
function canonical(text: string): Address {
  const ip = ipaddr.process(text);
  return matches(ip, NAT64) ? ipaddr.fromByteArray(ip.toByteArray().slice(12)) : ip;
}

function isPublic(ip: Address): boolean {
  return ip.range() === 'unicast' && (ip.kind() === 'ipv4' || matches(ip, GLOBAL_UNICAST));
}

function matches(ip: Address, [network, bits]: [Address, number]): boolean {
  return ip.kind() === network.kind() && ip.match(network, bits);
}

const same = (a: Address, b: Address): boolean => a.toNormalizedString() === b.toNormalizedString();

const machineAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address));

function parseNetwork(text: string): [Address, number] {
  if (!ipaddr.isValidCIDR(text))
    throw new AppError('CONFIG_INVALID', `allowNetworks: "${text}" is no network like 10.0.0.0/8`);
  return ipaddr.parseCIDR(text);
}

const forbidden = (host: string): AppError =>
  new AppError(
    'UPSTREAM_FORBIDDEN_ADDRESS',
    `no connection to ${host}: it is not a public address, and allowNetworks does not open it`,
  );
