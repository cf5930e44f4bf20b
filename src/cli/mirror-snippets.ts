/**
 * What each client reads to pull through a mirror. A snippet's `content` is the file, byte for byte as the client takes
 * it; the end-to-end tests give it to the real clients. How each client names an upstream: docs/clients.md.
 */

export interface Mirror {
  readonly url: URL;
  /** Without the scheme: `mirror:5000` or `mirror:5000/prefix`. */
  readonly location: string;
  readonly secure: boolean;
  /** Registries that clients may ask for through it. */
  readonly registries: readonly string[];
  /** Whether requests that name no upstream are Docker Hub's. */
  readonly hubByDefault: boolean;
}

export interface Snippet {
  /** The file it belongs in; some clients have only flags. */
  readonly path?: string;
  readonly content: string;
  readonly note: string;
}

const SNIPPETS = {
  docker,
  containerd,
  podman: containersConf,
  buildah: containersConf,
  skopeo: containersConf,
  buildkit,
  k3s,
  kaniko,
  crane,
  regctl,
  oras,
  trivy,
  'docker-scout': dockerScout,
  renovate,
  dependabot,
  'argocd-image-updater': argocdImageUpdater,
  'gitlab-runner': gitlabRunner,
  'github-actions': githubActions,
} satisfies Readonly<Record<string, (mirror: Mirror) => Snippet>>;

export type Client = keyof typeof SNIPPETS;

export const CLIENTS = Object.keys(SNIPPETS) as readonly Client[];

export const snippetFor = (client: Client, mirror: Mirror): Snippet => SNIPPETS[client](mirror);

const href = ({ url, location }: Mirror): string => `${url.protocol}//${location}`;

/** Without a path only Docker Hub's images are asked for, and no upstream is named. */
const hubHref = (mirror: Mirror): string => (mirror.hubByDefault ? href(mirror) : `${href(mirror)}/docker.io`);

/** dockerd mirrors Docker Hub only and names no upstream, unless a path in the mirror's URL does (docker 25 and later). */
function docker(mirror: Mirror): Snippet {
  return {
    path: '/etc/docker/daemon.json',
    content: JSON.stringify({ 'registry-mirrors': [hubHref(mirror)] }, undefined, 2),
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

function containersConf({ location, secure, registries }: Mirror): Snippet {
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

function buildkit(mirror: Mirror): Snippet {
  const path = '/etc/buildkit/buildkitd.toml';
  return {
    path,
    content: [`# ${path}`, ...buildkitRegistries(mirror)].join('\n\n'),
    note: 'Then restart buildkitd, or run: docker buildx create --use --buildkitd-config FILE.',
  };
}

function buildkitRegistries({ url, location, secure, registries }: Mirror): readonly string[] {
  const entries = registries.map((name) => `[registry."${name}"]\n  mirrors = ["${location}/${name}"]`);
  return secure ? entries : [...entries, `[registry."${url.host}"]\n  http = true`];
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

/** A client without a setting for mirrors is told the mirror as part of the image's name. */
function named(command: (image: string) => string, { location, registries }: Mirror): Snippet {
  return {
    content: registries.map((name) => `${command(`${location}/${name}/IMAGE`)}  # ${name}/IMAGE`).join('\n'),
    note: 'Name the image through Cistern: every command takes such a name.',
  };
}

function crane(mirror: Mirror): Snippet {
  return named((image) => `crane pull${mirror.secure ? '' : ' --insecure'} --format=oci ${image} DIRECTORY`, mirror);
}

function oras(mirror: Mirror): Snippet {
  const plain = mirror.secure ? '' : ' --from-plain-http';
  return named((image) => `oras copy${plain} ${image} --to-oci-layout DIRECTORY`, mirror);
}

function trivy(mirror: Mirror): Snippet {
  return named((image) => `trivy image${mirror.secure ? '' : ' --insecure'} ${image}`, mirror);
}

function dockerScout(mirror: Mirror): Snippet {
  return named((image) => `docker scout cves registry://${image}`, mirror);
}

/** A mirror is a host of its own, so that the path before the repository can differ from registry to registry. */
function regctl({ url, location, secure, registries }: Mirror): Snippet {
  const prefix = location.slice(url.host.length + 1);
  const hosts: Record<string, object> = {};
  for (const name of registries) {
    hosts[name] = { mirrors: [`cistern-${name}`] };
    hosts[`cistern-${name}`] = {
      hostname: url.host,
      pathPrefix: prefix === '' ? name : `${prefix}/${name}`,
      ...(secure ? {} : { tls: 'disabled' }),
    };
  }
  return {
    path: '~/.regctl/config.json',
    content: JSON.stringify({ hosts }, undefined, 2),
    note: 'Merge it with the hosts that are there.',
  };
}

/** Looks up `docker.io/library/node` at the alias; the branch it makes still says docker.io. */
function renovate({ url, location, secure, registries }: Mirror): Snippet {
  const settings = {
    registryAliases: Object.fromEntries(registries.map((name) => [name, `${location}/${name}`])),
    ...(secure ? {} : { hostRules: [{ hostType: 'docker', matchHost: url.host, insecureRegistry: true }] }),
  };
  return {
    path: 'renovate.json',
    content: JSON.stringify(settings, undefined, 2),
    note: 'Merge it with what is there. An alias applies to images that are written with their registry.',
  };
}

/** It replaces Docker Hub only, by a host without a path. */
function dependabot({ url }: Mirror): Snippet {
  const path = '.github/dependabot.yml';
  const entry = ['registries:', '  cistern:', '    type: docker-registry', `    url: https://${url.host}`];
  return {
    path,
    content: [`# ${path}`, ...entry, '    replaces-base: true'].join('\n'),
    note: 'It insists on TLS (registry.tls), and docker.io must be the default upstream.',
  };
}

/** Each registry's API is below a path of its own. */
function argocdImageUpdater(mirror: Mirror): Snippet {
  const entries = mirror.registries.map((name) => {
    const lines = [`- name: ${name}`, `  prefix: ${name}`, `  api_url: ${href(mirror)}/${name}`];
    return [...lines, ...(name === 'docker.io' ? ['  defaultns: library', '  default: true'] : [])].join('\n');
  });
  return {
    path: 'registries.conf',
    content: ['# registries.conf', 'registries:', ...entries].join('\n'),
    note: 'In the ConfigMap argocd-image-updater-config. It looks for new tags there; what is deployed is still pulled by the nodes: see containerd.',
  };
}

function gitlabRunner(mirror: Mirror): Snippet {
  const path = '/etc/gitlab-runner/config.toml';
  const command = JSON.stringify(['--registry-mirror', hubHref(mirror)]).replace(',', ', ');
  return {
    path,
    content: `# ${path}, in the [[runners]] with executor = "docker"\n[[runners.docker.services]]\n  name = "docker:dind"\n  command = ${command}`,
    note: 'That is for docker in docker. The images of the jobs are pulled by the docker of the host: see docker; with the Kubernetes executor by the nodes: see containerd.',
  };
}

function githubActions(mirror: Mirror): Snippet {
  const toml = buildkitRegistries(mirror).join('\n').replaceAll(/^/gm, '      ');
  return {
    path: '.github/workflows/*.yml',
    content: `# a step of .github/workflows/*.yml\n- uses: docker/setup-buildx-action@v3\n  with:\n    buildkitd-config-inline: |\n${toml}`,
    note: 'That is for builds. What a self-hosted runner pulls for "container:", "services:" and "docker run" is the docker of the host: see docker.',
  };
}
