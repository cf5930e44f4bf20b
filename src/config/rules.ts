/** What must hold between keys. Checked once every single value is good, so that a rule never reasons about half a file. */
import { parseImagePattern } from '../oci/image-pattern.js';
import { isLocal, refusalOf } from './addresses.js';
import type { Config, UpstreamConfig } from './schema.js';

export type KeyPath = readonly (string | number)[];

export interface Breach {
  readonly path: KeyPath;
  readonly message: string;
}

export const breachesOf = (config: Config): readonly Breach[] => [
  ...upstreamNames(config.upstreams),
  ...config.upstreams.flatMap((upstream, i) => upstreamAddresses(upstream, ['upstreams', i])),
  ...exposure(config),
  ...listeners(config),
  ...storage(config.storage),
  ...prefetchJobs(config),
];

function upstreamNames(upstreams: readonly UpstreamConfig[]): readonly Breach[] {
  if (upstreams.length === 0) {
    return [
      {
        path: ['upstreams'],
        message: 'is empty; without an upstream there is nothing to pull, so name one, such as docker.io',
      },
    ];
  }
  const breaches: Breach[] = [];
  const taken = new Map<string, number>();
  let byDefault: string | undefined;
  upstreams.forEach(({ name, aliases, default: isDefault }, i) => {
    [name, ...aliases].forEach((word, j) => {
      const path = ['upstreams', i, ...(j === 0 ? ['name'] : ['aliases', j - 1])];
      const other = taken.get(word);
      if (other !== undefined) breaches.push({ path, message: `${word} is already a name of upstreams.${other}` });
      else taken.set(word, i);
    });
    if (!isDefault) return;
    if (byDefault !== undefined) {
      breaches.push({
        path: ['upstreams', i, 'default'],
        message: `only one upstream can be the default, and ${byDefault} is`,
      });
    }
    byDefault ??= name;
  });
  return breaches;
}

function upstreamAddresses({ url, realms, allowNetworks, tls }: UpstreamConfig, path: KeyPath): readonly Breach[] {
  const breaches: Breach[] = [];
  const refuse = (host: string, at: KeyPath) => {
    const message = refusalOf(host, allowNetworks);
    if (message !== undefined) breaches.push({ path: [...path, ...at], message });
  };
  refuse(url.hostname, ['url']);
  realms.forEach((realm, i) => refuse(new URL(`https://${realm}`).hostname, ['realms', i]));
  if (tls && (tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    breaches.push({ path: [...path, 'tls'], message: 'certFile and keyFile go together' });
  }
  return breaches;
}

/** It gives us what it does not give to everybody: for a login, or for a certificate of ours. */
export const isCredentialed = ({ auth, tls }: Pick<UpstreamConfig, 'auth' | 'tls'>): boolean =>
  auth.type !== 'anonymous' || tls?.certFile !== undefined;

/** What other machines can reach must know who asks, wherever asking gives more than the public has. */
function exposure({ registry, control, upstreams }: Config): readonly Breach[] {
  const breaches: Breach[] = [];
  // With an nginx in front, the address says nothing of who comes.
  if (!isLocal(registry.listen) || registry.accelRedirect !== undefined) {
    const credentialed = upstreams.find(isCredentialed);
    const open = registry.auth.type === 'none' && registry.tls?.clientCaFile === undefined;
    if (credentialed && open && !registry.allowAnonymous) {
      const message =
        `lets every machine that reaches it pull what the credentials of ${credentialed.name} can; ` +
        'set registry.auth or registry.tls.clientCaFile, or registry.allowAnonymous: true if that is meant';
      breaches.push({ path: ['registry', 'listen'], message });
    }
  }
  if (!isLocal(registry.listen) && registry.auth.type === 'basic' && !registry.tls) {
    breaches.push({
      path: ['registry', 'auth'],
      message: 'type basic beyond loopback needs registry.tls, or passwords travel in the clear',
    });
  }
  if (!isLocal(control.listen) && control.token === undefined && control.tls?.clientCaFile === undefined) {
    breaches.push({
      path: ['control', 'listen'],
      message: 'beyond loopback needs control.tokenFile or control.tls.clientCaFile',
    });
  }
  return breaches;
}

function listeners({ registry, control, admin }: Config): readonly Breach[] {
  const breaches: Breach[] = [];
  const seen = new Map<string, string>();
  for (const [section, { listen }] of Object.entries({ registry, control, admin })) {
    const key = 'path' in listen ? listen.path : `${listen.host}:${listen.port}`;
    const other = seen.get(key);
    if (other !== undefined && !key.endsWith(':0')) {
      breaches.push({ path: [section, 'listen'], message: `is the address of ${other}.listen too` });
    }
    seen.set(key, section);
  }
  return breaches;
}

const storage = ({ maxSize, lowWatermark, highWatermark }: Config['storage']): readonly Breach[] => [
  ...(lowWatermark < highWatermark
    ? []
    : [{ path: ['storage', 'lowWatermark'], message: `must be below highWatermark, which is ${highWatermark}` }]),
  ...(maxSize > 0 ? [] : [{ path: ['storage', 'maxSize'], message: 'must be above 0' }]),
];

function prefetchJobs({ prefetch, upstreams }: Config): readonly Breach[] {
  const names = new Set(upstreams.flatMap((upstream) => [upstream.name, ...upstream.aliases]));
  return prefetch.jobs.flatMap(({ images }, i) =>
    images.flatMap((image, j) => {
      const { upstream } = parseImagePattern(image);
      if (names.has(upstream)) return [];
      return [{ path: ['prefetch', 'jobs', i, 'images', j], message: `${upstream} is not one of the upstreams` }];
    }),
  );
}
