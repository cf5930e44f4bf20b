/** Squid in front of one upstream: everything is kept for a day, and a herd shares one download (collapsed forwarding). */
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { accepts, freePort, Program, run, until } from '../../test/e2e/support/processes.js';
import type { Peer } from './peers.js';
import { needed } from './tools.js';

export async function startSquid(dir: string, upstream: string): Promise<Peer> {
  const port = await freePort();
  const cacheDir = join(dir, 'cache');
  await mkdir(cacheDir, { recursive: true });
  const conf = join(dir, 'squid.conf');
  const lines = [
    `http_port 127.0.0.1:${port} accel defaultsite=127.0.0.1 no-vhost`,
    `cache_peer 127.0.0.1 parent ${new URL(upstream).port} 0 no-query no-digest originserver`,
    `cache_dir aufs ${cacheDir} 20000 16 256`,
    'cache_mem 256 MB',
    'maximum_object_size 4 GB',
    'collapsed_forwarding on',
    'refresh_pattern . 1440 100% 1440',
    'http_access allow all',
    `access_log stdio:${dir}/access.log`,
    `cache_log ${dir}/cache.log`,
    `pid_filename ${dir}/squid.pid`,
    `coredump_dir ${dir}`,
    'shutdown_lifetime 0 seconds',
  ];
  await writeFile(conf, `${lines.join('\n')}\n`);
  await giveToProxyUser(dir);
  const squid = needed('squid');
  await run(squid, ['-N', '-z', '-f', conf]);
  const program = new Program(squid, ['-N', '-f', conf]);
  await until(() => accepts(port), 'squid', program);
  return { url: `http://127.0.0.1:${port}`, pid: program.child.pid ?? 0, cacheDir };
}

/** Started as root, Squid becomes Debian's user `proxy`, who must find its folder and write there. */
async function giveToProxyUser(dir: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const [user, group] = [Number(await run('id', ['-u', 'proxy'])), Number(await run('id', ['-g', 'proxy']))];
  for (const each of [dir, join(dir, 'cache')]) await chown(each, user, group);
  await chmod(dirname(dir), 0o755);
}
