/** One command against a daemon: connects, runs, closes, and turns every failure into a line and an exit code. */
import { ControlClient, type ConnectionOptions } from './client.js';
import { problemOf } from './control-error.js';
import { toJson, type ExitCode, type OutputFormat, type Terminal } from './output.js';

export interface SessionOptions extends ConnectionOptions {
  readonly output: OutputFormat;
}

export interface LiveTerminal extends Terminal {
  /** Where progress bars are drawn; undefined when nobody would see them move. */
  readonly screen: NodeJS.WriteStream | undefined;
}

/** With `json`, a failure is also told on `out`, as `{error: {status, code, message, field, about, hint}}`. */
export async function withDaemon(
  options: SessionOptions,
  terminal: Terminal,
  work: (client: ControlClient) => Promise<ExitCode>,
): Promise<ExitCode> {
  let client: ControlClient | undefined;
  try {
    client = new ControlClient(options);
    return await work(client);
  } catch (error) {
    const found = problemOf(error, client?.address ?? '');
    if (found === undefined) throw error;
    const { message, hint } = found.problem;
    if (options.output === 'json') terminal.out(toJson({ error: found.problem }));
    terminal.err(`cistern: ${message}${hint === undefined ? '' : `; ${hint}`}`);
    return found.exitCode;
  } finally {
    client?.close();
  }
}
