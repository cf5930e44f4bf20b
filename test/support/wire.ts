/** Speaks to a listener in bytes, for what no HTTP client would say. */
import { connect } from 'node:net';

export interface Said {
  /** Everything that came back until the other side closed the connection. */
  readonly text: string;
  /** Status lines in it, in order. */
  readonly statuses: readonly number[];
}

/** Rejects when the connection is still open after `timeout` milliseconds. */
export function say(authority: string, bytes: string | Buffer, timeout = 20_000): Promise<Said> {
  const [host = '', port = ''] = authority.split(':');
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), host, () => socket.write(bytes));
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`still open after ${timeout} ms: ${Buffer.concat(chunks).toString('latin1').slice(0, 500)}`));
    }, timeout);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // Having been refused may look like a reset from here.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      const text = Buffer.concat(chunks).toString('latin1');
      resolve({ text, statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status)) });
    });
  });
}
