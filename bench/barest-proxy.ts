/**
 * The least that a cache which verifies can do, and the measure for how much Cistern adds: undici -> sha256 -> file and
 * client, in one loop. It keeps nothing, checks nothing, and serves one client a download. `argv`: upstream URL, directory.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { open, unlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Agent, request } from 'undici';

const [, , upstream = '', dir = '.'] = process.argv;
const dispatcher = new Agent({ connections: 16 });

const server = createServer((incoming, response) => {
  void (async () => {
    const { statusCode, headers, body } = await request(upstream + (incoming.url ?? ''), { dispatcher });
    response.writeHead(statusCode, { 'content-length': Number(headers['content-length']) });
    const path = join(dir, `barest-${performance.now()}`);
    const file = await open(path, 'w');
    const hash = createHash('sha256');
    let pending: Promise<unknown> = Promise.resolve();
    for await (const chunk of body as AsyncIterable<Buffer>) {
      // Listened for at once: it may drain while the file is awaited.
      const drained = response.write(chunk) || Promise.race([once(response, 'drain'), once(response, 'close')]);
      hash.update(chunk);
      await pending;
      pending = file.writev([chunk]);
      await drained;
    }
    await pending;
    response.end();
    hash.digest('hex');
    await file.close();
    await unlink(path);
  })();
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`));
