/**
 * The page for a person who wonders how the cache is doing, and what belongs to it: `/`, `/login`, `/page/…`. It is whole
 * without scripts; a script only keeps it up to date and draws the plots. It loads nothing from elsewhere.
 */
import { promisify } from 'node:util';
import type { IncomingMessage } from 'node:http';
import { gzip } from 'node:zlib';
import { SingleFlight } from '../lib/async.js';
import { Assets } from './page/assets.js';
import { Names, type NamesOptions } from './page/names.js';
import { document } from './page/document.js';
import { StatusSource, type SourceParts } from './page/source.js';
import { withoutNames, type Status } from './page/status.js';
import type { Reply } from './reply.js';

const zip = promisify(gzip);

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export class StatusPage {
  readonly #source: StatusSource;
  readonly #assets: Assets;
  readonly #names: Names;
  /** Those who ask at the same time share a page, so asking often costs little. */
  readonly #making = new SingleFlight<string>();

  private constructor(source: StatusSource, assets: Assets, names: Names) {
    this.#source = source;
    this.#assets = assets;
    this.#names = names;
  }

  static async open(parts: SourceParts & NamesOptions): Promise<StatusPage> {
    const assets = await Assets.open();
    return new StatusPage(StatusSource.start(parts), assets, new Names(parts));
  }

  /** Undefined for a path that is none of its own. */
  async answer(path: string, request: Pick<IncomingMessage, 'headers' | 'socket'>): Promise<Reply | undefined> {
    const zipped = /\bgzip\b/.test(String(request.headers['accept-encoding']));
    if (path === '/login') return this.#names.login(request);
    if (path.startsWith('/page/')) return this.#assets.reply(path.slice('/page/'.length), zipped);
    if (path !== '/') return undefined;
    const names = await this.#names.of(request);
    const text = await this.#making.run(names, () => this.#text(names));
    return {
      status: 200,
      type: 'text/html; charset=utf-8',
      body: zipped ? await zip(text) : text,
      headers: {
        'Content-Security-Policy': POLICY,
        'Referrer-Policy': 'no-referrer',
        'Cross-Origin-Resource-Policy': 'same-origin',
        ...(zipped && { 'Content-Encoding': 'gzip' }),
      },
    };
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  async #text(names: Status['names']): Promise<string> {
    const status = await this.#source.status();
    return document(names === 'shown' ? status : withoutNames(status, names), (name) => this.#assets.address(name))
      .text;
  }
}
