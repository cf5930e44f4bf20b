/**
 * Clients that cannot run in a test: their requests, in their order and with their headers, to where the printed
 * configuration sends them. Written from what is known of their sources.
 */
import { parse as parseYaml } from 'yaml';
import { type Client, nothingToStop, type Place, type Reference } from './client.js';
import { Requests } from './requests.js';

const DOCKER = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const OCI = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

/** What one pull is. */
interface Sequence {
  /** Whom it asks, as the printed configuration tells it. */
  readonly to: (reference: Reference, place: Place) => Requests;
  readonly send: (requests: Requests, tag: string) => Promise<void>;
}

function replayed(is: Omit<Client, 'tried' | 'programs' | 'start' | 'platforms'>, { to, send }: Sequence): Client {
  return {
    ...is,
    tried: 'replayed',
    platforms: 'own',
    programs: [],
    start: (place) =>
      Promise.resolve({
        pull: async (references) => {
          const came: string[] = [];
          for (const reference of references) {
            const requests = to(reference, place);
            await send(requests, reference.tag);
            came.push(...requests.came);
          }
          return came;
        },
        stop: nothingToStop,
      }),
  };
}

/** The first group of `pattern` in what was printed. */
function printed({ config }: Place, pattern: RegExp): string {
  const found = pattern.exec(config)?.[1];
  if (found === undefined) throw new Error(`no ${String(pattern)} in:\n${config}`);
  return found;
}

/** `mirror:5000/docker.io` and a repository, as clients take an image's name apart: host, and the rest. */
function byName(mirror: string, { repository }: Reference, agent: string): Requests {
  const slash = mirror.indexOf('/');
  const path = slash === -1 ? '' : `${mirror.slice(slash + 1)}/`;
  return new Requests(`http://${mirror.slice(0, slash)}`, `${path}${repository}`, { 'user-agent': agent });
}

/** containerd's resolver, which BuildKit and k3s have too: no ping, HEAD of the tag, then everything by digest. */
async function likeContainerd(requests: Requests, tag: string): Promise<void> {
  const accept = [DOCKER, DOCKER_LIST, OCI, OCI_INDEX, '*/*'].join(', ');
  const top = await requests.manifest(await requests.resolve(tag, accept), accept);
  const { config, layers = [] } = await requests.ofPlatform(top, accept);
  const encodings = { 'accept-encoding': 'zstd;q=1.0, gzip;q=0.8, deflate;q=0.5' };
  await Promise.all([config!, ...layers].map((blob) => requests.blob(blob, encodings)));
}

/** The library of kaniko, Trivy and others: a ping, then GET of the tag. */
async function likeGoContainerregistry(requests: Requests, tag: string): Promise<void> {
  await requests.ping();
  const accept = [DOCKER, OCI, DOCKER_LIST, OCI_INDEX].join(',');
  const top = await requests.manifest(tag, accept);
  const { config, layers = [] } = await requests.ofPlatform(top, accept);
  await requests.blob(config!);
  for (const layer of layers) await requests.blob(layer, { 'accept-encoding': 'gzip' });
}

const buildkit = replayed(
  { name: 'BuildKit', configuredAs: 'buildkit', keeps: 'blobs', listsTags: false },
  {
    to: ({ repository }, place) => {
      const mirror = printed(place, /\[registry\."docker\.io"\]\n +mirrors = \["([^"]+)"\]/);
      const [host, ...path] = mirror.split('/');
      const headers = { 'user-agent': 'buildkit/v0.23' };
      return new Requests(`http://${host}`, [...path, repository].join('/'), headers, '?ns=docker.io');
    },
    send: likeContainerd,
  },
);

const k3s = replayed(
  { name: 'k3s', configuredAs: 'k3s', keeps: 'blobs', listsTags: false },
  {
    to: ({ repository }, { config }) => {
      const { mirrors } = parseYaml(config) as { mirrors: Record<string, { endpoint: string[] }> };
      const headers = { 'user-agent': 'containerd/v2.0.5-k3s1' };
      return new Requests(mirrors['*']!.endpoint[0]!, repository, headers, '?ns=docker.io');
    },
    send: likeContainerd,
  },
);

const kaniko = replayed(
  { name: 'kaniko', configuredAs: 'kaniko', keeps: 'blobs', listsTags: false },
  {
    to: (reference, place) =>
      byName(printed(place, /[';]index\.docker\.io=([^;']+)/), reference, 'kaniko/v1.24 go-containerregistry/v0.20'),
    send: likeGoContainerregistry,
  },
);

/** It looks at what the docker engine pulled, so these are the engine's requests; a tag was asked for by HEAD before. */
const dive = replayed(
  { name: 'dive', configuredAs: 'docker', keeps: 'blobs', listsTags: false },
  {
    to: ({ repository }, { config }) => {
      const { 'registry-mirrors': mirrors } = JSON.parse(config) as { 'registry-mirrors': string[] };
      const agent = 'docker/28.2.2 go/go1.24.3 kernel/6.1.0 os/linux arch/amd64 UpstreamClient(Docker-Client/28.2.2)';
      return new Requests(mirrors[0]!, repository, { 'user-agent': agent });
    },
    send: async (requests, tag) => {
      await requests.ping();
      const accept = [DOCKER, DOCKER_LIST, OCI_INDEX, OCI, 'application/json'].join(', ');
      const top = await requests.manifest(await requests.resolve(tag, accept), accept);
      const { config, layers = [] } = await requests.ofPlatform(top, accept);
      await Promise.all([config!, ...layers].map((blob) => requests.blob(blob)));
    },
  },
);

const trivy = replayed(
  { name: 'Trivy', configuredAs: 'trivy', keeps: 'blobs', listsTags: false },
  {
    to: (reference, place) =>
      byName(printed(place, / (\S+)\/IMAGE +# docker\.io\/IMAGE/), reference, 'trivy/0.64 go-containerregistry/v0.20'),
    send: likeGoContainerregistry,
  },
);

const dockerScout = replayed(
  { name: 'Docker Scout', configuredAs: 'docker-scout', keeps: 'blobs', listsTags: false },
  {
    to: (reference, place) =>
      byName(printed(place, /registry:\/\/(\S+)\/IMAGE +# docker\.io\/IMAGE/), reference, 'go-containerregistry/v0.20'),
    send: async (requests, tag) => {
      await requests.resolve(tag, [DOCKER, OCI, DOCKER_LIST, OCI_INDEX].join(','));
      await likeGoContainerregistry(requests, tag);
    },
  },
);

/** Reads tags by pages without a ping; asks for digests by HEAD, and for the labels of a version in its config. */
const renovate = replayed(
  { name: 'Renovate', configuredAs: 'renovate', keeps: 'manifests', listsTags: true },
  {
    to: (reference, { config }) => {
      const { registryAliases } = JSON.parse(config) as { registryAliases: Record<string, string> };
      return byName(
        registryAliases['docker.io']!,
        reference,
        'RenovateBot/41 (https://github.com/renovatebot/renovate)',
      );
    },
    send: async (requests, tag) => {
      await requests.tags(tag, '?n=10000');
      await requests.ping();
      const accept = [DOCKER_LIST, DOCKER, OCI, OCI_INDEX].join(', ');
      await requests.resolve(tag, accept);
      const manifest = await requests.ofPlatform(await requests.manifest(tag, accept), accept);
      await requests.blob(manifest.config!);
    },
  },
);

/**
 * Replaces a registry by host; reads tags in one page, and the digest of a tag by its manifest. It would insist on TLS,
 * which changes no request.
 */
const dependabot = replayed(
  { name: 'Dependabot', configuredAs: 'dependabot', keeps: 'top manifest', listsTags: true },
  {
    to: ({ repository }, place) => {
      const host = printed(place, /url: https:\/\/(\S+)/);
      return new Requests(`http://${host}`, repository, { 'user-agent': 'rest-client/2.1.0 (linux x86_64) ruby/3.4' });
    },
    send: async (requests, tag) => {
      await requests.ping();
      await requests.tags(tag);
      await requests.manifest(tag, [DOCKER_LIST, DOCKER, OCI, OCI_INDEX].join(', '));
    },
  },
);

/** Its registry's API lies below a path; it reads tags, then manifest and config of those it may deploy. */
const argocd = replayed(
  { name: 'Argo CD Image Updater', configuredAs: 'argocd-image-updater', keeps: 'manifests', listsTags: true },
  {
    to: ({ repository }, { config }) => {
      const { registries } = parseYaml(config) as { registries: { prefix: string; api_url: string }[] };
      const hub = registries.find(({ prefix }) => prefix === 'docker.io')!;
      return new Requests(hub.api_url, repository, { 'user-agent': 'Go-http-client/1.1' });
    },
    send: async (requests, tag) => {
      await requests.ping();
      await requests.tags(tag);
      const accept = [OCI, DOCKER, DOCKER_LIST, OCI_INDEX].join(', ');
      const manifest = await requests.ofPlatform(await requests.manifest(tag, accept), accept);
      await requests.blob(manifest.config!);
    },
  },
);

export const REPLAYED: readonly Client[] = [
  buildkit,
  kaniko,
  k3s,
  trivy,
  dive,
  dockerScout,
  renovate,
  dependabot,
  argocd,
];
