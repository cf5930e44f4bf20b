/** `cistern check-config`: says that the daemon would accept its configuration, or everything that is wrong with it. */
import { formatProblem, readConfig } from '../config/load.js';
import { configFile } from './config-file.js';
import { toJson, type ExitCode, type OutputFormat, type Terminal } from './output.js';

export interface CheckConfigOptions {
  readonly config?: string;
  readonly output: OutputFormat;
}

/** Text: one line on stdout, or a line for each problem on stderr. JSON: `{ok, file, upstreams}` or `{ok, file, problems}`. */
export function checkConfig({ config: given, output }: CheckConfigOptions, terminal: Terminal): ExitCode {
  const file = configFile(given);
  const { config, problems } = readConfig({ file, env: terminal.env });
  const shown = file ?? 'environment and defaults';
  if (config) {
    const names = config.upstreams.map((upstream) => upstream.name);
    const count = names.length === 1 ? '1 upstream' : `${names.length} upstreams`;
    terminal.out(
      output === 'json' ? toJson({ ok: true, file, upstreams: names }) : `OK: ${shown}, ${count} (${names.join(', ')})`,
    );
    return 0;
  }
  if (output === 'json') terminal.out(toJson({ ok: false, file, problems }));
  else for (const problem of problems) terminal.err(formatProblem(problem));
  return 2;
}
