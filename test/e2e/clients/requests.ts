/**
 * What a client that cannot run here sends, sent in its place: a sequence of requests to Cistern, each of which must be
 * answered as a registry would. Keeps the digest of every manifest and blob that came.
 */
import assert from 'node:assert/strict';
import { type Answer, errorCode, get, head, sha256 } from '../../support/http.js';
import { TAGS } from './client.js';

interface Descriptor {
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string };
}

export interface Manifest {
  readonly digest: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  /** Of an index. */
  readonly manifests?: readonly Descriptor[];
}

type Headers = Readonly<Record<string, string>>;

const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;

export class Requests {
  readonly came = new Set<string>();
  readonly #root: string;
  readonly #base: string;
  readonly #query: string;
  readonly #headers: Headers;

  /**
   * `root` is where the client pings, `repository` what it puts after `/v2/`, and `query` what it adds to every request
   * but the ping.
   */
  constructor(root: string, repository: string, headers: Headers, query = '') {
    this.#root = root;
    this.#base = `${root}/v2/${repository}`;
    this.#query = query;
    this.#headers = headers;
  }

  async ping(): Promise<void> {
    const answer = await get(`${this.#root}/v2/`, { headers: this.#headers });
    assert.equal(answer.status, 200);
    // A challenge would make the client send a login that is somebody else's.
    assert.equal(answer.headers['www-authenticate'], undefined);
  }

  /** HEAD; gives the digest that the answer's header says. */
  async resolve(reference: string, accept: string): Promise<string> {
    const answer = await head(this.#manifest(reference), { headers: { ...this.#headers, accept } });
    assert.equal(answer.status, 200);
    const { 'docker-content-digest': digest, 'content-length': length, 'content-type': type } = answer.headers;
    assert.ok(typeof digest === 'string' && Number(length) > 0 && type !== undefined && !type.includes(';'));
    return digest;
  }

  async manifest(reference: string, accept: string): Promise<Manifest> {
    const answer = await get(this.#manifest(reference), { headers: { ...this.#headers, accept } });
    const digest = this.#take(answer);
    assert.equal(answer.headers['docker-content-digest'], digest);
    const parsed = JSON.parse(answer.body.toString()) as Manifest & { readonly mediaType: string };
    assert.equal(answer.headers['content-type'], parsed.mediaType);
    return { ...parsed, digest };
  }

  /** What `manifest` leads to on this machine: itself, or the child of an index. */
  async ofPlatform(manifest: Manifest, accept: string): Promise<Manifest> {
    const child = manifest.manifests?.find(({ platform }) => platform?.architecture === ARCHITECTURE);
    return child === undefined ? manifest : await this.manifest(child.digest, accept);
  }

  async blob({ digest, size }: Descriptor, headers: Headers = {}): Promise<void> {
    const answer = await get(`${this.#base}/blobs/${digest}${this.#query}`, {
      headers: { ...this.#headers, ...headers },
    });
    assert.equal(answer.headers['content-length'], String(size));
    assert.equal(answer.headers['content-encoding'], undefined);
    assert.equal(this.#take(answer), digest);
  }

  /** Every tag, page by page; while upstream does not answer, an error that says so. */
  async tags(tag: string, query = ''): Promise<void> {
    const tags: string[] = [];
    let next: string | undefined = `${this.#base}/tags/list${query}`;
    while (next !== undefined) {
      const answer: Answer = await get(next, { headers: this.#headers });
      if (answer.status !== 200) {
        assert.ok(
          [429, 502, 503, 504].includes(answer.status) && errorCode(answer) !== undefined,
          answer.body.toString(),
        );
        return;
      }
      tags.push(...(JSON.parse(answer.body.toString()) as { tags: string[] }).tags);
      const link = /^<([^>]+)>; ?rel="?next"?$/.exec(String(answer.headers.link))?.[1];
      next = link === undefined ? undefined : new URL(link, next).href;
    }
    assert.ok(tags.includes(tag), tags.join());
    this.came.add(TAGS);
  }

  #manifest(reference: string): string {
    return `${this.#base}/manifests/${reference}${this.#query}`;
  }

  #take(answer: Answer): string {
    assert.deepEqual([answer.status, answer.complete], [200, true]);
    const digest = sha256(answer.body);
    this.came.add(digest);
    return digest;
  }
}
