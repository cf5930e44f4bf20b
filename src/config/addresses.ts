/** Addresses in the configuration: where to listen, and which networks an upstream may have. */
import ipaddr from 'ipaddr.js';

export interface TcpAddress {
  /** Without the brackets of IPv6. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export interface SocketPath {
  readonly path: string;
}

export type ListenAddress = TcpAddress | SocketPath;

export function parseTcpAddress(input: unknown): TcpAddress {
  const match = typeof input === 'string' ? /^(?:\[([0-9a-fA-F:.]+)\]|([a-zA-Z0-9.-]+)):(\d{1,5})$/.exec(input) : null;
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535 || (match?.[1] !== undefined && !ipaddr.IPv6.isValid(host))) {
    throw new Error(
      `${JSON.stringify(input)} is no address to listen on; expected HOST:PORT such as 127.0.0.1:5000, 0.0.0.0:5000 or [::]:5000`,
    );
  }
  return { host, port };
}

export function parseListenAddress(input: unknown): ListenAddress {
  if (typeof input !== 'string' || !input.startsWith('unix:')) return parseTcpAddress(input);
  const path = input.replace(/^unix:(?:\/\/(?=\/))?/, '');
  if (path === '') throw new Error('expected unix:///PATH');
  return { path };
}

export const formatListenAddress = (address: ListenAddress): string =>
  'path' in address
    ? `unix://${address.path}`
    : `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;

/** Whether nobody but this machine can reach it. A name other than `localhost` could be anything, so it is not. */
export function isLocal(address: ListenAddress): boolean {
  if ('path' in address || address.host === 'localhost') return true;
  return ipaddr.isValid(address.host) && ipaddr.process(address.host).range() === 'loopback';
}

/** As it was written, once it is sure to be a network. */
export function parseNetwork(input: unknown): string {
  if (typeof input !== 'string' || !ipaddr.isValidCIDR(input)) {
    throw new Error(`${JSON.stringify(input)} is no network; expected one such as 10.0.0.0/8 or fd00::/8`);
  }
  return input;
}

/**
 * Why an upstream may not have this host, when it is the literal of an address that is not public; undefined for names,
 * whose addresses are checked when they are connected to.
 */
export function refusalOf(host: string, allowNetworks: readonly string[]): string | undefined {
  const literal = host.replace(/^\[|\]$/g, '');
  if (!ipaddr.isValid(literal)) return undefined;
  const address = ipaddr.process(literal);
  const range = address.range();
  if (range === 'unicast') return undefined;
  if (range === 'linkLocal') return `${literal} is a link-local address, which no upstream may have`;
  const allowed = allowNetworks.some((network) => {
    const [base, bits] = ipaddr.parseCIDR(network);
    return base.kind() === address.kind() && address.match(base, bits);
  });
  return allowed
    ? undefined
    : `${literal} is not a public address (${range}); add its network to allowNetworks to allow it`;
}
