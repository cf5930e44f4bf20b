/**
 * nginx, as the limit and as a peer: one server gives files with sendfile, the other is a cache with a lock that keeps a herd
 * from upstream. `worker_processes auto` is Debian's default, and so are `sendfile` and `tcp_nopush`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accepts, freePort, Program, until } from '../../test/e2e/support/processes.js';
import { treeOf } from './process-use.js';

export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface NginxOptions {
  /** Makes the second server a cache of it. */
  readonly upstream?: string;
  readonly tls?: TlsFiles | undefined;
}

export interface Nginx {
  readonly pid: number;
  /** Files are served from here. */
  readonly root: string;
  readonly url: string;
  readonly proxyUrl: string;
  readonly cacheDir: string;
}

const started = new Set<Program>();
// A killed master leaves its workers behind, so they go with it; after it, for it would put new ones in their place.
process.prependListener('exit', killWorkers);

export function killWorkers(): void {
  for (const { child, over } of started) {
    if (!over) treeOf(child.pid ?? 0).forEach(kill);
  }
  started.clear();
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended of itself.
  }
}

export async function startNginx(dir: string, { upstream, tls }: NginxOptions = {}): Promise<Nginx> {
  const [port, proxyPort] = [await freePort(), await freePort()];
  const [root, cacheDir] = [join(dir, 'www'), join(dir, 'cache')];
  for (const each of [root, cacheDir]) await mkdir(each, { recursive: true });
  const listen = (on: number) => {
    const secure = tls && ` ssl; ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key}`;
    return `listen 127.0.0.1:${on}${secure ?? ''};`;
  };
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${dir}/${kind};`,
  );
  const proxy =
    upstream === undefined
      ? []
      : [
          `proxy_cache_path ${cacheDir} levels=1:2 keys_zone=all:10m max_size=20g inactive=1d use_temp_path=off;`,
          `server { ${listen(proxyPort)} location / {`,
          `proxy_pass ${upstream}; proxy_http_version 1.1; proxy_set_header Connection "";`,
          'proxy_cache all; proxy_cache_valid 200 1d; proxy_cache_lock on; proxy_cache_lock_timeout 1h; proxy_cache_lock_age 1h;',
          '} }',
        ];
  const http = [
    `access_log ${dir}/access.log; sendfile on; tcp_nopush on; keepalive_requests 10000000; default_type text/plain;`,
    ...temporary,
    `server { ${listen(port)} root ${root}; }`,
    ...proxy,
  ];
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const main = `${user} worker_processes auto; daemon off; pid ${dir}/nginx.pid; events { worker_connections 4096; }`;
  await writeFile(join(dir, 'nginx.conf'), `${main}\nhttp {\n${http.join('\n')}\n}\n`);
  const program = new Program('nginx', ['-c', join(dir, 'nginx.conf'), '-e', join(dir, 'nginx.err')]);
  started.add(program);
  await until(() => accepts(port), 'nginx', program);
  const url = (on: number) => `${tls ? 'https' : 'http'}://127.0.0.1:${on}`;
  return { pid: program.child.pid ?? 0, root, url: url(port), proxyUrl: url(proxyPort), cacheDir };
}
