/**
 * Thousands of clients of one blob in a process of their own, so that they weigh on nobody who is measured. Some never
 * read a byte; what the others get is compared byte by byte. Says `{ connected: true }` when all requests are sent, then
 * how many answers were right, and holds the stalled ones until it is ended.
 *
 *   fork(crowd.ts), then send a CrowdOrder
 */
import { connect } from 'node:net';
import { noise } from '../../support/images.js';

export interface CrowdOrder {
  readonly port: number;
  readonly path: string;
  /** Of `noise`. */
  readonly seed: string;
  readonly size: number;
  readonly readers: number;
  readonly stalled: number;
}

export interface CrowdReport {
  /** Answers that were 200 and came whole, with the right bytes. */
  readonly right: number;
  /** What was wrong with some others. */
  readonly wrong: readonly string[];
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');

process.once('message', (order: CrowdOrder) => void gather(order));

async function gather({ port, path, seed, size, readers, stalled }: CrowdOrder): Promise<void> {
  const blob = noise(seed, size);
  const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`;
  const sent: Promise<void>[] = [];
  for (let n = 0; n < stalled; n++) {
    const socket = connect(port, '127.0.0.1');
    socket.pause();
    socket.on('error', () => undefined);
    sent.push(new Promise((resolve) => socket.write(request, () => resolve())));
  }
  const answers = Array.from({ length: readers }, () => {
    const socket = connect(port, '127.0.0.1');
    sent.push(new Promise((resolve) => socket.write(request, () => resolve())));
    return new Promise<string>((resolve) => {
      let head: Buffer | undefined = Buffer.alloc(0);
      let got = 0;
      let said = '';
      socket.on('data', (chunk) => {
        let body = chunk as Buffer;
        if (head) {
          head = Buffer.concat([head, body]);
          const at = head.indexOf(END_OF_HEAD);
          if (at < 0) return;
          const status = head.subarray(0, 12).toString();
          if (status !== 'HTTP/1.1 200') said ||= status;
          body = head.subarray(at + END_OF_HEAD.length);
          head = undefined;
        }
        if (body.compare(blob, got, got + body.length) !== 0) said ||= `wrong bytes at ${got}`;
        got += body.length;
      });
      socket.on('error', (error) => (said ||= error.message));
      socket.on('close', () => resolve(said || (got === size ? '' : `${got} bytes`)));
    });
  });
  await Promise.all(sent);
  process.send?.({ connected: true });
  const wrong = (await Promise.all(answers)).filter((said) => said !== '');
  process.send?.({ right: readers - wrong.length, wrong: wrong.slice(0, 5) } satisfies CrowdReport);
}
