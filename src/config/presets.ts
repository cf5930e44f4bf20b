/**
 * What is known of public registries, so that a name is a whole upstream: `- name: docker.io`. A preset says where the
 * registry is and who may see its tokens' credentials; it never makes a credential be sent.
 */

export interface Preset {
  /** As its makers call it. */
  readonly registry: string;
  /** Hosts besides its own that hand out its tokens. */
  readonly realms?: readonly string[];
  /** The `auth.type` without which it answers nobody. */
  readonly needs?: 'ecr';
}

/** Where a registry's API is, when it is not at `https://` and its name. */
const URLS: ReadonlyMap<string, string> = new Map([['docker.io', 'https://registry-1.docker.io']]);

/** By the host of the registry's URL. */
const KNOWN: readonly (readonly [hosts: RegExp, preset: Preset])[] = [
  [/^registry-1\.docker\.io$/, { registry: 'Docker Hub', realms: ['auth.docker.io'] }],
  [/^ghcr\.io$/, { registry: 'GitHub Container Registry' }],
  [
    /^\d{12}\.dkr(?:\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?|-ecr\.[a-z0-9-]+\.on\.aws)$/,
    { registry: 'Amazon ECR', needs: 'ecr' },
  ],
  [/^public\.ecr\.aws$/, { registry: 'Amazon ECR Public' }],
  [/^[a-z0-9-]+-docker\.pkg\.dev$/, { registry: 'Google Artifact Registry' }],
  [/^(?:[a-z]+\.)?gcr\.io$/, { registry: 'Google Container Registry' }],
  [/^[a-z0-9-]+\.azurecr\.(?:io|cn|us)$/, { registry: 'Azure Container Registry' }],
  [/^registry\.gitlab\.com$/, { registry: 'GitLab', realms: ['gitlab.com'] }],
  [/^quay\.io$/, { registry: 'Quay' }],
  [/^registry\.k8s\.io$/, { registry: 'Kubernetes' }],
  [/^mcr\.microsoft\.com$/, { registry: 'Microsoft Artifact Registry' }],
  [/^docker\.elastic\.co$/, { registry: 'Elastic', realms: ['docker-auth.elastic.co'] }],
];

/** Undefined for a name that is no host, such as `hub`: its URL must be given. */
export const presetUrl = (name: string): string | undefined =>
  URLS.get(name) ?? (/[.:]/.test(name) ? `https://${name}` : undefined);

/** By the URL and not by the name: another host called docker.io must not send credentials to Docker's. */
export const presetOf = (url: URL): Preset | undefined =>
  url.protocol === 'https:' ? KNOWN.find(([hosts]) => hosts.test(url.host))?.[1] : undefined;
