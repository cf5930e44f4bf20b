/**
 * `cistern health`: 0 when the daemon is ready, 1 when it is not, 2 when it does not answer; for container health checks.
 *
 * Decision: it asks the admin listener's /readyz over HTTP and not the gRPC control plane. Inside a container only the
 * admin port is certain: the control plane may be a Unix socket, or want a token or a client certificate that a health
 * check has no business holding.
 */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { formatListenAddress, parseTcpAddress, type TcpAddress } from '../config/addresses.js';
import { formatProblem, readConfig } from '../config/load.js';
import { systemCode } from '../lib/errors.js';
import { configFile } from './config-file.js';
import { toJson, type ExitCode, type OutputFormat, type Terminal } from './output.js';

export interface HealthOptions {
  /** Before the configuration, and 127.0.0.1:5080. */
  readonly adminAddress?: string;
  readonly config?: string;
  readonly output: OutputFormat;
  /** Milliseconds. */
  readonly timeout?: number;
}

const DEFAULT_ADDRESS = '127.0.0.1:5080';
const MAX_ANSWER = 64 * 1024;

export async function health(options: HealthOptions, terminal: Terminal): Promise<ExitCode> {
  const say = (result: object, line: string, ready: boolean) => {
    if (options.output === 'json') terminal.out(toJson(result));
    else if (ready) terminal.out(line);
    else terminal.err(line);
  };
  let address: string;
  try {
    const given = addressOf(options, terminal);
    const { status, text } = await get(reachable(given), options.timeout ?? 5000);
    address = formatListenAddress(given);
    const ready = status === 200;
    const reason = text.trim().slice(0, 1000);
    say(
      { ready, address, status, reason },
      ready ? 'ready' : `not ready: ${reason === '' ? `HTTP ${status}` : reason}`,
      ready,
    );
    return ready ? 0 : 1;
  } catch (error) {
    const reason = error instanceof Error ? (systemCode(error) ?? error.message) : String(error);
    const line = error instanceof Error && error.message !== '' ? error.message : reason;
    say({ ready: false, reason: line }, `cistern: cannot ask the daemon: ${line}`, false);
    return 2;
  }
}

function addressOf({ adminAddress, config: given }: HealthOptions, { env }: Terminal): TcpAddress {
  // The variable goes before the file, which need not be looked at then: a container stays healthy while one is edited.
  const address = adminAddress ?? env['CISTERN_ADMIN__LISTEN'];
  if (address !== undefined) return parseTcpAddress(address);
  const { config, problems } = readConfig({ file: configFile(given), env });
  if (config) return config.admin.listen;
  // A broken file that nobody pointed at says nothing about where a running daemon is.
  if (given === undefined) return parseTcpAddress(DEFAULT_ADDRESS);
  throw new Error(problems.map(formatProblem).join('\n'));
}

/** A listener on every address is reached on this machine's own. */
function reachable(address: TcpAddress): TcpAddress {
  if (address.host === '0.0.0.0') return { ...address, host: '127.0.0.1' };
  return address.host === '::' ? { ...address, host: '::1' } : address;
}

async function get(
  { host, port }: TcpAddress,
  timeout: number,
): Promise<{ readonly status: number; readonly text: string }> {
  const asked = request({ host, port, path: '/readyz', agent: false, signal: AbortSignal.timeout(timeout) });
  const answered = once(asked, 'response') as Promise<[IncomingMessage]>;
  asked.end();
  const [response] = await answered;
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    if (text.length > MAX_ANSWER) break;
  }
  return { status: response.statusCode ?? 0, text };
}
