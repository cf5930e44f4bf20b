import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAppError } from '../../src/lib/errors.js';
import { parseDigest } from '../../src/oci/digest.js';
import { OCI_IMAGE, OCI_INDEX } from '../../src/oci/media-types.js';
import { call, openUpstream, serve } from './support.js';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);

describe('listing tags', () => {
  const list = (tags: unknown, more?: string) => ({
    body: JSON.stringify({ name: 'a/b', tags }),
    ...(more && { link: more }),
  });

  it('sorts, removes duplicates, nulls and digests, and takes any content type', async (t) => {
    const server = await serve(t, (_, response) =>
      response.writeHead(200, { 'content-type': 'text/plain' }).end(list(['b', null, 'a', 'b', digest, 7, 'A']).body),
    );
    assert.deepEqual(await openUpstream(t, server.url).tags('a/b', {}, call()), {
      tags: ['A', 'a', 'b'],
      next: undefined,
    });
  });

  it('asks for the page wanted and says whether another follows', async (t) => {
    const server = await serve(t, (_, response) =>
      response.writeHead(200, { link: '</v2/a/b/tags/list?last=b&n=2>; rel="next"' }).end(list(['a', 'b']).body),
    );
    const page = await openUpstream(t, server.url).tags('a/b', { n: 5000, last: '0' }, call());
    assert.deepEqual(page, { tags: ['a', 'b'], next: 'b' });
    assert.equal(server.seen[0]!.url, '/v2/a/b/tags/list?n=1000&last=0');
  });

  it('makes the pages itself when upstream always sends everything', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(200).end(list(['d', 'c', 'b', 'a']).body));
    const upstream = openUpstream(t, server.url);
    assert.deepEqual(await upstream.tags('a/b', { n: 2 }, call()), { tags: ['a', 'b'], next: 'b' });
    assert.deepEqual(await upstream.tags('a/b', { n: 2, last: 'b' }, call()), { tags: ['c', 'd'], next: undefined });
  });

  it('hands through how upstream goes on, where that is not by tags', async (t) => {
    const pages: Record<string, [string[], string?]> = {
      '/v2/a/b/tags/list?n=2': [['a', 'b'], '?n=2&next_page=Zm9v'],
      '/v2/a/b/tags/list?n=2&next_page=Zm9v': [['c', 'd'], '?n=2&last=b2x5'],
      '/v2/a/b/tags/list?n=2&last=b2x5': [['e']],
    };
    const server = await serve(t, ({ url }, response) => {
      const [tags, link] = pages[url] ?? [[]];
      response.writeHead(200, link === undefined ? {} : { link: `<${link}>; rel="next"` }).end(list(tags).body);
    });
    const upstream = openUpstream(t, server.url);
    const found: string[] = [];
    for (let last: string | undefined = '', page; last !== undefined; last = page?.next) {
      page = await upstream.tags('a/b', { n: 2, ...(last !== '' && { last }) }, call());
      found.push(...(page?.tags ?? []));
    }
    assert.deepEqual(found, ['a', 'b', 'c', 'd', 'e']);
  });

  it('goes on by the Link of an upstream that ignored where to begin', async (t) => {
    const server = await serve(t, (_, response) =>
      response.writeHead(200, { link: '<?n=2&page=2>; rel="next"' }).end(list(['a', 'b']).body),
    );
    const page = await openUpstream(t, server.url).tags('a/b', { n: 2, last: 'b' }, call());
    assert.deepEqual(page, { tags: [], next: '?n=2&page=2' });
  });

  it('comes to an end where the next page is the same page', async (t) => {
    const server = await serve(t, (_, response) =>
      response.writeHead(200, { link: '<?n=1&last=b>; rel="next"' }).end(list(['c']).body),
    );
    const page = await openUpstream(t, server.url).tags('a/b', { n: 1, last: 'b' }, call());
    assert.deepEqual(page, { tags: ['c'], next: undefined });
  });

  it('refuses a list without bounds', async (t) => {
    const server = await serve(t, (_, response) => {
      response
        .on('error', () => undefined)
        .writeHead(200)
        .end(Buffer.alloc(17 * 1024 * 1024, 0x20));
    });
    const listing = openUpstream(t, server.url).tags('a/b', {}, call());
    await assert.rejects(listing, (error) => isAppError(error, 'UPSTREAM_INVALID'));
  });

  it('knows none of an empty or unknown repository', async (t) => {
    const server = await serve(t, ({ url }, response) =>
      (url.includes('/none/') ? response.writeHead(404) : response.writeHead(200)).end(list(null).body),
    );
    const upstream = openUpstream(t, server.url);
    assert.deepEqual(await upstream.tags('a/b', {}, call()), { tags: [], next: undefined });
    assert.equal(await upstream.tags('none', {}, call()), undefined);
  });
});

describe('listing referrers', () => {
  const entry = {
    mediaType: OCI_IMAGE,
    digest,
    size: 7,
    artifactType: 'text/x',
    annotations: { a: 'b', bad: 1 },
    extra: true,
  };
  const kept = { mediaType: OCI_IMAGE, digest, size: 7, artifactType: 'text/x', annotations: { a: 'b' } };
  const index = (...manifests: unknown[]) => JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });

  it('takes every page of the API, and only what it knows of an entry', async (t) => {
    const server = await serve(t, ({ url }, response) => {
      const next = url.includes('page=2') ? {} : { link: `<http://elsewhere.example/x?page=2>; rel="next"` };
      response.writeHead(200, { 'content-type': OCI_INDEX, ...next }).end(index(entry, { digest: 'x' }, null));
    });
    assert.deepEqual(await openUpstream(t, server.url).referrers('a/b', digest, call()), [kept, kept]);
    assert.equal(server.seen[1]!.url, `/v2/a/b/referrers/${digest}?page=2`);
  });

  it('reads the fallback tag where the API is a redirect to a web page that is busy, as GHCR does', async (t) => {
    const page = await serve(t, (_, response) => response.writeHead(429).end());
    const server = await serve(t, ({ url }, response) => {
      if (!url.includes('/referrers/')) response.writeHead(404).end();
      else response.writeHead(303, { location: `${page.url}/-/v2/packages/a%2Fb%2Freferrers%2Fsha256` }).end();
    });
    assert.deepEqual(await openUpstream(t, server.url).referrers('a/b', digest, call()), []);
    assert.equal(server.seen.at(-1)!.url, `/v2/a/b/manifests/${digest.replace(':', '-')}`);
  });

  it('falls back to the tag where there is no API', async (t) => {
    const server = await serve(t, ({ url }, response) => {
      if (url === `/v2/a/b/manifests/${digest.replace(':', '-')}`)
        response.writeHead(200, { 'content-type': OCI_INDEX }).end(index(entry));
      else response.writeHead(404).end();
    });
    assert.deepEqual(await openUpstream(t, server.url).referrers('a/b', digest, call()), [kept]);
  });

  it('finds none where there is neither', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(404).end());
    assert.deepEqual(await openUpstream(t, server.url).referrers('a/b', digest, call()), []);
  });

  it('knows the tag of a long digest, of which only the first 64 characters count', async (t) => {
    const long = parseDigest(`sha512:${'b'.repeat(128)}`);
    const server = await serve(t, ({ url }, response) => {
      if (url === `/v2/a/b/manifests/sha512-${'b'.repeat(64)}`)
        response.writeHead(200, { 'content-type': OCI_INDEX }).end(index(entry));
      else response.writeHead(404).end();
    });
    assert.deepEqual(await openUpstream(t, server.url).referrers('a/b', long, call()), [kept]);
  });

  it('refuses what has no end, rather than to leave out what may be the one that is looked for', async (t) => {
    const server = await serve(t, (_, response) => {
      response.writeHead(200, { 'content-type': OCI_INDEX, link: '<?page=again>; rel="next"' }).end(index(entry));
    });
    const listing = openUpstream(t, server.url).referrers('a/b', digest, call());
    await assert.rejects(listing, (error) => isAppError(error, 'UPSTREAM_INVALID'));
    assert.ok(server.seen.length < 200, String(server.seen.length));
  });
});
