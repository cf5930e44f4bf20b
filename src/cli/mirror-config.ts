/**
 * `cistern mirror-config CLIENT`: what to put into a client's configuration so that it pulls through Cistern. The file's
 * content goes to stdout, where it belongs to stderr. What each client understands: docs/clients.md.
 */
import { presetUrl } from '../config/presets.js';
import { readConfig } from '../config/load.js';
import { isHost } from '../oci/reference.js';
import { configFile } from './config-file.js';
import { toJson, type ExitCode, type OutputFormat, type Terminal } from './output.js';

export type Client = 'docker' | 'containerd' | 'podman' | 'buildkit' | 'k3s' | 'kaniko';

export interface MirrorConfigOptions {
  /** Where clients reach Cistern. */
  readonly url?: string;
  readonly config?: string;
  readonly output: OutputFormat;
}

interface Snippet {
  /** The file it belongs in; kaniko has only flags. */
  readonly path?: string;
  readonly content: string;
  readonly note: string;
}

interface Mirror {
  readonly url: URL;
  /** Without the scheme: `mirror:5000` or `mirror:5000/prefix`. */
  readonly location: string;
  readonly secure: boolean;
  /** Registries that clients may ask for through it. */
  readonly registries: readonly string[];
  /** Whether requests that name no upstream are Docker Hub's. */
  readonly hubByDefault: boolean;
}

const DEFAULT_URL = 'http://127.0.0.1:5000';
const DEFAULT_REGISTRIES = ['docker.io', 'ghcr.io', 'quay.io', 'registry.k8s.io'];

const SNIPPETS: Readonly<Record<Client, (mirror: Mirror) => Snippet>> = {
  docker,
  containerd,
  podman,
  buildkit,
  k3s,
  kaniko,
};

export function mirrorConfig(client: Client, options: MirrorConfigOptions, terminal: Terminal): ExitCode {
  const mirror = mirrorOf(options, terminal.env);
  if (mirror === undefined) {
    terminal.err('cistern: --url must be http:// or https:// with a host, and without user, query and fragment');
    return 2;
  }
  const { path, content, note } = SNIPPETS[client](mirror);
  if (options.output === 'json') {
    terminal.out(toJson({ client, path, content, note }));
    return 0;
  }
  terminal.err(path === undefined ? note : `Put this into ${path}. ${note}`);
  terminal.out(content);
  return 0;
}

function mirrorOf(
  { url: text = DEFAULT_URL, config: given }: MirrorConfigOptions,
  env: Terminal['env'],
): Mirror | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  // It goes into TOML, YAML and a shell's quotes, so it has nothing that these would read as their own.
  if (!isHost(url.host) || !/^[\w./~-]*$/.test(url.pathname)) return undefined;
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return undefined;
  const { config } = readConfig({ file: configFile(given), env });
  const names = config?.upstreams.map((upstream) => upstream.name).filter((name) => presetUrl(name) !== undefined);
  return {
    url,
    location: `${url.host}${url.pathname.replace(/\/+$/, '')}`,
    secure: url.protocol === 'https:',
    registries: names ?? DEFAULT_REGISTRIES,
    hubByDefault:
      config === undefined || config.upstreams.some((upstream) => upstream.name === 'docker.io' && upstream.default),
  };
}

const href = ({ url, location }: Mirror): string => `${url.protocol}//${location}`;

/** dockerd mirrors Docker Hub only and names no upstream, unless a path in the mirror's URL does (docker 25 and later). */
function docker(mirror: Mirror): Snippet {
  const url = mirror.hubByDefault ? href(mirror) : `${href(mirror)}/docker.io`;
  return {
    path: '/etc/docker/daemon.json',
    content: JSON.stringify({ 'registry-mirrors': [url] }, undefined, 2),
    note: 'Then run: systemctl restart docker. It applies to Docker Hub only; with the containerd image store see containerd.',
  };
}

/** `_default` serves every registry; without `server` the registry that was asked for stays the fallback. */
function containerd(mirror: Mirror): Snippet {
  const path = '/etc/containerd/certs.d/_default/hosts.toml';
  return {
    path,
    content: `# ${path}\n[host.${JSON.stringify(href(mirror))}]\n  capabilities = ["pull", "resolve"]`,
    note: 'containerd must have config_path = "/etc/containerd/certs.d" for its registry plugin; no restart is needed.',
  };
}

function podman({ location, secure, registries }: Mirror): Snippet {
  const path = '/etc/containers/registries.conf.d/cistern.conf';
  const entries = registries.map((name) =>
    [
      '[[registry]]',
      `prefix = "${name}"`,
      `location = "${name}"`,
      '[[registry.mirror]]',
      `location = "${location}/${name}"`,
      ...(secure ? [] : ['insecure = true']),
    ].join('\n'),
  );
  return {
    path,
    content: [`# ${path}`, ...entries].join('\n\n'),
    note: 'podman, buildah, skopeo and CRI-O read it at the next pull.',
  };
}

function buildkit({ url, location, secure, registries }: Mirror): Snippet {
  const path = '/etc/buildkit/buildkitd.toml';
  const entries = registries.map((name) => `[registry."${name}"]\n  mirrors = ["${location}/${name}"]`);
  const plain = secure ? [] : [`[registry."${url.host}"]\n  http = true`];
  return {
    path,
    content: [`# ${path}`, ...entries, ...plain].join('\n\n'),
    note: 'Then restart buildkitd, or run: docker buildx create --use --buildkitd-config FILE.',
  };
}

function k3s(mirror: Mirror): Snippet {
  const path = '/etc/rancher/k3s/registries.yaml';
  return {
    path,
    content: [`# ${path}`, 'mirrors:', '  "*":', '    endpoint:', `      - ${JSON.stringify(href(mirror))}`].join('\n'),
    note: 'Then run: systemctl restart k3s (or k3s-agent).',
  };
}

function kaniko({ url, location, secure, registries }: Mirror): Snippet {
  const map = registries
    .map((name) => `${name === 'docker.io' ? 'index.docker.io' : name}=${location}/${name}`)
    .join(';');
  const insecure = secure ? '' : `\n--insecure-registry=${url.host}`;
  return { content: `--registry-map='${map}'${insecure}`, note: 'Add these flags to the executor.' };
}
