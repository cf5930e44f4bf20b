/** The files beside the page: style, scripts, icon. They are few and small, so they are kept in memory, compressed. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Reply } from '../reply.js';

const zip = promisify(gzip);
const uPlot = new URL(import.meta.resolve('uplot/dist/uPlot.iife.min.js'));
const own = (name: string): URL => new URL(`assets/${name}`, import.meta.url);

const FILES = [
  ['status.css', 'text/css', [new URL('uPlot.min.css', uPlot), own('status.css')]],
  ['status.js', 'text/javascript', [own('status.js')]],
  ['uplot.js', 'text/javascript', [uPlot]],
  ['icon.svg', 'image/svg+xml', [own('icon.svg')]],
] as const;

interface Asset {
  readonly type: string;
  readonly bytes: Buffer;
  readonly zipped: Buffer;
  /** Of its bytes: a changed file has another address, so an address may be remembered. */
  readonly version: string;
}

export class Assets {
  readonly #assets: ReadonlyMap<string, Asset>;

  private constructor(assets: ReadonlyMap<string, Asset>) {
    this.#assets = assets;
  }

  static async open(): Promise<Assets> {
    const assets = FILES.map(async ([name, type, parts]): Promise<[string, Asset]> => {
      const bytes = Buffer.concat(await Promise.all(parts.map((part) => readFile(part))));
      const version = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
      return [name, { type: `${type}; charset=utf-8`, bytes, zipped: await zip(bytes), version }];
    });
    return new Assets(new Map(await Promise.all(assets)));
  }

  /** From the page: relative, so that a proxy may put it all below a path. */
  address(name: (typeof FILES)[number][0]): string {
    return `page/${name}?v=${this.#assets.get(name)?.version ?? ''}`;
  }

  reply(name: string, zipped: boolean): Reply | undefined {
    const asset = this.#assets.get(name);
    if (!asset) return undefined;
    return {
      status: 200,
      type: asset.type,
      body: zipped ? asset.zipped : asset.bytes,
      headers: { 'Cache-Control': 'max-age=86400', ...(zipped && { 'Content-Encoding': 'gzip' }) },
    };
  }
}
