/**
 * `cistern mirror-config CLIENT`: what to put into a client's configuration so that it pulls through Cistern. The file's
 * content goes to stdout, where it belongs to stderr. What each client understands: docs/clients.md.
 */
import { presetUrl } from '../config/presets.js';
import { formatProblem, readConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { isHost } from '../oci/reference.js';
import { configFile } from './config-file.js';
import { snippetFor, type Client, type Mirror } from './mirror-snippets.js';
import { toJson, type ExitCode, type OutputFormat, type Terminal } from './output.js';

export interface MirrorConfigOptions {
  /** Where clients reach Cistern. */
  readonly url: string;
  readonly config?: string;
  readonly output: OutputFormat;
}

const DEFAULT_REGISTRIES = ['docker.io', 'ghcr.io', 'quay.io', 'registry.k8s.io'];

/** Without a configuration file it is made for an upstream of each registry that most people want. */
export function mirrorConfig(client: Client, options: MirrorConfigOptions, terminal: Terminal): ExitCode {
  const file = configFile(options.config);
  const read = file === undefined ? undefined : readConfig({ file, env: terminal.env });
  if (read && !read.config) {
    for (const problem of read.problems) terminal.err(formatProblem(problem));
    return 2;
  }
  const mirror = mirrorOf(options.url, read?.config);
  if (mirror === undefined) {
    terminal.err('cistern: --url must be http:// or https:// with a host, and without user, query and fragment');
    return 2;
  }
  const { path, content, note } = snippetFor(client, mirror);
  if (options.output === 'json') {
    terminal.out(toJson({ client, path, content, note }));
    return 0;
  }
  terminal.err(path === undefined ? note : `Put this into ${path}. ${note}`);
  terminal.out(content);
  return 0;
}

function mirrorOf(text: string, config: Config | undefined): Mirror | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  // It goes into TOML, YAML and a shell's quotes, so it has nothing that these would read as their own.
  if (!isHost(url.host) || !/^[\w./~-]*$/.test(url.pathname)) return undefined;
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return undefined;
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
