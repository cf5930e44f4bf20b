/** `cistern check-config`: says that the daemon would accept its configuration, or everything that is wrong with it. */
import { formatProblem, readConfig } from '../config/load.js';
import { presetOf } from '../config/presets.js';
import type { UpstreamConfig } from '../config/schema.js';
import { counted } from '../lib/counted.js';
import { configFile } from './config-file.js';
import { toJson, type ExitCode, type OutputFormat, type Terminal } from './output.js';

export interface CheckConfigOptions {
  readonly config?: string;
  readonly output: OutputFormat;
}

/**
 * Text: a line on stdout and one for each upstream, with what its preset filled in, or a line for each problem on stderr.
 * JSON: `{ok, file, upstreams, resolved}` or `{ok, file, problems}`.
 */
export function checkConfig({ config: given, output }: CheckConfigOptions, terminal: Terminal): ExitCode {
  const file = configFile(given);
  const { config, problems } = readConfig({ file, env: terminal.env });
  const shown = file ?? 'environment and defaults';
  if (config) {
    const names = config.upstreams.map((upstream) => upstream.name);
    const count = counted(names.length, 'upstream');
    if (output === 'json') {
      terminal.out(toJson({ ok: true, file, upstreams: names, resolved: config.upstreams.map(resolved) }));
    } else {
      terminal.out(`OK: ${shown}, ${count} (${names.join(', ')})`);
      for (const upstream of config.upstreams) terminal.out(resolvedLine(upstream));
    }
    return 0;
  }
  if (output === 'json') terminal.out(toJson({ ok: false, file, problems }));
  else for (const problem of problems) terminal.err(formatProblem(problem));
  return 2;
}

const resolved = ({ name, url, realms, auth }: UpstreamConfig) => ({
  name,
  registry: presetOf(url)?.registry ?? null,
  url: url.href,
  realms,
  auth: auth.type,
});

/** `  docker.io: Docker Hub at https://registry-1.docker.io/, tokens also from auth.docker.io`. */
function resolvedLine({ name, url, realms, auth }: UpstreamConfig): string {
  const preset = presetOf(url);
  const { needs } = preset ?? {};
  return [
    `  ${name}: ${preset === undefined ? '' : `${preset.registry} at `}${url.href}`,
    ...(realms.length > 0 ? [`tokens also from ${realms.join(' and ')}`] : []),
    ...(needs !== undefined && auth.type === 'anonymous' ? [`gives nothing without auth: { type: ${needs} }`] : []),
  ].join(', ');
}
