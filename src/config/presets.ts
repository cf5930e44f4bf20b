/** What is known of public registries, so that `- name: docker.io` is a whole upstream. */

/** Where a registry's API is, when it is not at `https://` and its name. */
const URLS: ReadonlyMap<string, string> = new Map([['docker.io', 'https://registry-1.docker.io']]);

/** Hosts besides the registry's own that hand out its tokens, by the host of its URL. */
const REALMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['registry-1.docker.io', ['auth.docker.io']],
  ['registry.gitlab.com', ['gitlab.com']],
  ['docker.elastic.co', ['docker-auth.elastic.co']],
]);

/** Undefined for a name that is no host, such as `hub`: its URL must be given. */
export const presetUrl = (name: string): string | undefined =>
  URLS.get(name) ?? (/[.:]/.test(name) ? `https://${name}` : undefined);

/** By the URL and not by the name: another host called docker.io must not send credentials to Docker's. */
export const presetRealms = (url: URL): readonly string[] => REALMS.get(url.host) ?? [];
