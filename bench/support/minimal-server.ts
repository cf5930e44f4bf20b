/**
 * The least that a server in Node.js does, in as many processes as are asked for, behind one port: GET /blob is a file in a
 * loop of two buffers, GET /manifest is 1.2 kB from memory. Nothing is looked up, checked, counted or logged. `argv`: file, processes.
 */
import cluster from 'node:cluster';
import { open } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';

const [, , file = '', processes = '1'] = process.argv;
const SIZE = 256 * 1024;
const MANIFEST = Buffer.alloc(1200, '{}');

async function sendFile(response: ServerResponse): Promise<void> {
  const handle = await open(file);
  const { size } = await handle.stat();
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size });
  const buffers: [Buffer, Buffer] = [Buffer.allocUnsafeSlow(SIZE), Buffer.allocUnsafeSlow(SIZE)];
  const read = (at: number) => handle.read(buffers.reverse()[0]!, 0, SIZE, at);
  let ahead = read(0);
  for (let at = 0; at < size && !response.destroyed;) {
    const { bytesRead, buffer } = await ahead;
    at += bytesRead;
    ahead = read(at);
    await new Promise((resolve) => response.write(buffer.subarray(0, bytesRead), resolve));
  }
  await ahead;
  response.end();
  await handle.close();
}

if (cluster.isPrimary) {
  let listening = 0;
  cluster.on('listening', (_worker, { port }) => {
    if (++listening < Number(processes)) return;
    const pids = Object.values(cluster.workers ?? {}).map((worker) => worker?.process.pid);
    process.stdout.write(`pids ${pids.join(' ')}\nport ${port}\n`);
  });
  for (let n = 0; n < Number(processes); n++) cluster.fork();
} else {
  const server = createServer((request, response) => {
    if (request.url === '/blob') return void sendFile(response);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': MANIFEST.length }).end(MANIFEST);
  });
  server.listen(0, '127.0.0.1');
}
