/** Debian's nginx as one process of ours, with what is given as the inside of its `http { }`. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, Program, statusOf, until } from './processes.js';

export interface Nginx {
  readonly url: string;
  readonly pid: number;
  /** Of what went wrong, and what it was refused; warnings and above. */
  readonly errors: () => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** `dir` is for its own files; `http` is told the address to listen on; `under` is a command that runs it. */
export async function startNginx(
  dir: string,
  http: (address: string) => string,
  under: readonly string[] = [],
): Promise<Nginx> {
  await mkdir(dir, { recursive: true });
  const address = `127.0.0.1:${await freePort()}`;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${dir}/${kind};`,
  );
  const log = join(dir, 'error.log');
  const conf = [
    // So that it may read what the daemon of the test has written.
    process.getuid?.() === 0 ? 'user root;' : '',
    'daemon off; master_process off; events { }',
    `pid ${dir}/nginx.pid; error_log ${log} warn;`,
    `http { access_log off; ${temporary.join(' ')}\n${http(address)}\n}`,
  ];
  await writeFile(join(dir, 'nginx.conf'), conf.join('\n'));
  const program = new Program('env', [...under, 'nginx', '-c', join(dir, 'nginx.conf'), '-e', log]);
  await until(async () => (await statusOf(`http://${address}/`)) !== undefined, 'nginx', program);
  return {
    url: `http://${address}`,
    pid: program.child.pid ?? 0,
    errors: () => readFile(log, 'utf8'),
    stop: async () => {
      await program.stop();
    },
  };
}

/** nginx in front of a Cistern by the example in deploy/, with its addresses and directory in the place of those there. */
export async function startNginxInFront(
  dir: string,
  cistern: { readonly host: string },
  blobs: string,
  under: readonly string[] = [],
): Promise<Nginx> {
  const example = await readFile(join(import.meta.dirname, '../../../deploy/nginx/cistern.conf'), 'utf8');
  const http = (address: string) =>
    [
      ['server 127.0.0.1:5000;', `server ${cistern.host};`],
      ['listen 80;', `listen ${address};`],
      ['alias /var/lib/cistern/blobs/;', `alias ${blobs}/;`],
    ].reduce((text, [there = '', here = '']) => {
      if (text.split(there).length !== 2) throw new Error(`the example has not just one "${there}"`);
      return text.replace(there, here);
    }, example);
  return await startNginx(dir, http, under);
}
