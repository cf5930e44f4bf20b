/**
 * Lists: tags, referrers, and cosign's signatures, which are found by a tag made of a digest. They are upstream's to say, so
 * nothing is left out of them, and what is added there is seen here.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorCode, get } from '../support/http.js';
import { content, descriptorOf, makeImage, OCI_INDEX, referrersTag } from '../support/images.js';
import { eventually } from '../support/eventually.js';
import { REPOSITORY, startScene, type Scene } from './scene.js';

const SBOM = 'application/vnd.example.sbom';

/** Follows Link headers as clients do: on the same host only. */
async function everyPage(daemon: Scene['daemon'], path: string): Promise<Record<string, unknown>[]> {
  const pages: Record<string, unknown>[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const answer = await get(`${daemon.url}${next}`);
    assert.equal(answer.status, 200, next);
    pages.push(JSON.parse(answer.body.toString()) as Record<string, unknown>);
    const link: string | undefined = answer.headers.link as string | undefined;
    next = link === undefined ? undefined : /^<(\/[^>]*)>; rel="next"$/.exec(link)?.[1];
    assert.ok(link === undefined || next !== undefined, link);
    assert.ok(pages.length < 50, 'it comes to an end');
  }
  return pages;
}

describe('tags', () => {
  const TAGS = Array.from({ length: 25 }, (_, i) => `v${String(i).padStart(2, '0')}`);

  const scene = async (...args: Parameters<typeof startScene>) => {
    const started = await startScene(...args);
    started.registry.remove(REPOSITORY, 'v1');
    for (const tag of TAGS) started.registry.tag(REPOSITORY, tag, started.image);
    return started;
  };

  for (const [what, query] of [
    ['pages of a size that was asked for', 'n=10'],
    ['an upstream that gives fewer than were asked for', 'n=20'],
    ['an upstream that makes pages though nobody asked', ''],
  ] as const) {
    it(`are all there: ${what}`, async (t) => {
      const { registry, daemon } = await scene(t);
      if (query !== 'n=10') registry.mostTags = 7;
      for (const name of [REPOSITORY, `docker.io/${REPOSITORY}`]) {
        const pages = await everyPage(daemon, `/v2/${name}/tags/list?${query}`);
        assert.deepEqual(
          pages.flatMap(({ tags }) => tags),
          TAGS,
        );
        assert.ok(pages.length >= 3);
      }
    });
  }

  it("are upstream's to list: an error of its own while it cannot answer, and known tags are still pulled", async (t) => {
    const { registry, daemon } = await scene(t);
    assert.equal((await daemon.manifest(REPOSITORY, 'v00')).status, 200);
    await registry.down();
    const down = await get(`${daemon.url}/v2/${REPOSITORY}/tags/list`);
    assert.deepEqual([down.status, errorCode(down)], [502, 'UNAVAILABLE']);
    await registry.up();
    registry.fail({ kind: 'tags' }, { status: 429, headers: { 'retry-after': '7' } });
    const limited = await get(`${daemon.url}/v2/${REPOSITORY}/tags/list`);
    assert.deepEqual([limited.status, errorCode(limited)], [429, 'TOOMANYREQUESTS']);
    assert.equal(limited.headers['retry-after'], '7');
    assert.equal((await daemon.manifest(REPOSITORY, 'v00')).status, 200);
  });

  it('that no client could pull are left out, whatever alphabet they are of', async (t) => {
    const { registry, daemon } = await scene(t);
    registry.tagList(REPOSITORY, ['ok', 'größe', '版本', '', '-x', '\u0000', 'a b', 'x'.repeat(129), 'Ok']);
    const [page] = await everyPage(daemon, `/v2/${REPOSITORY}/tags/list`);
    assert.deepEqual(page, { name: REPOSITORY, tags: ['Ok', 'ok'] });
  });

  it('of a repository that is not allowed here are not listed', async (t) => {
    const { registry, daemon } = await startScene(t, { upstream: { deny: ['team/*'] } });
    for (const path of ['tags/list', `referrers/sha256:${'0'.repeat(64)}`]) {
      const answer = await get(`${daemon.url}/v2/${REPOSITORY}/${path}`);
      assert.deepEqual([answer.status, errorCode(answer)], [403, 'DENIED'], path);
    }
    assert.deepEqual(registry.requests, []);
  });
});

describe('referrers', () => {
  const paths = (digest: string, query = '') => `/v2/${REPOSITORY}/referrers/${digest}${query}`;
  const digests = (pages: readonly Record<string, unknown>[]) =>
    pages.flatMap(({ manifests }) => (manifests as { digest: string }[]).map(({ digest }) => digest));

  it('that are too many for one answer come in pages, and are filtered over all of them', async (t) => {
    const { registry, daemon, image } = await startScene(t);
    const entries = Array.from({ length: 60 }, (_, i) => ({
      ...descriptorOf(makeImage({ seed: `r${i}` })),
      artifactType: i % 2 === 0 ? SBOM : 'other',
      annotations: { filler: 'x'.repeat(100_000) },
    }));
    const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: entries });
    registry.fail({ kind: 'referrers' }, { body: index, headers: { 'content-type': OCI_INDEX } });
    const pages = await everyPage(daemon, paths(image.digest));
    assert.deepEqual(
      digests(pages),
      entries.map(({ digest }) => digest),
    );
    assert.ok(pages.length > 1 && pages.every((page) => JSON.stringify(page).length <= 4 * 1024 * 1024));
    const filtered = await everyPage(daemon, paths(image.digest, `?artifactType=${SBOM}`));
    assert.equal(digests(filtered).length, 30);
  });

  it('of a sha512 digest are found by the fallback tag, whose characters are fewer', async (t) => {
    const { registry, daemon, image } = await startScene(t, { algorithm: 'sha512' });
    const sbom = makeImage({ seed: 'sbom', artifactType: SBOM, subject: image });
    const list = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptorOf(sbom)] });
    registry.addManifest(REPOSITORY, content(Buffer.from(list), OCI_INDEX), referrersTag(image.digest));
    registry.fail({ kind: 'referrers' }, { status: 404 });
    assert.equal(referrersTag(image.digest).length, 'sha512-'.length + 64);
    assert.deepEqual(digests(await everyPage(daemon, paths(image.digest))), [sbom.digest]);
  });

  it('that are stored are told while upstream cannot answer, and only to those who may have them', async (t) => {
    const { registry, daemon, image } = await startScene(t);
    const annotations = { 'org.example': 'yes' };
    const sbom = makeImage({ seed: 'sbom', artifactType: SBOM, subject: image, extra: { annotations } });
    const plain = makeImage({ seed: 'plain', subject: image });
    const unseen = makeImage({ seed: 'unseen', subject: image });
    for (const each of [sbom, plain, unseen]) registry.push(REPOSITORY, each);
    registry.push('team/other', image, 'v1');
    for (const each of [sbom, plain]) {
      await daemon.manifest(REPOSITORY, each.digest);
      await daemon.stored(each.digest);
    }
    const repair = registry.fail({ kind: 'referrers' }, { status: 503 });
    const answer = await get(`${daemon.url}${paths(image.digest)}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['cache-status'], 'cistern; fwd=stale; fwd-status=503; detail=stale');
    assert.match(String(answer.headers.warning), /^299 - "/);
    const { manifests } = JSON.parse(answer.body.toString()) as { manifests: { digest: string }[] };
    const expected = [
      { ...descriptorOf(sbom), artifactType: SBOM, annotations },
      { ...descriptorOf(plain), artifactType: plain.config.mediaType },
    ];
    const sorted = <T extends { digest: string }>(all: readonly T[]) =>
      [...all].sort((a, b) => a.digest.localeCompare(b.digest));
    assert.deepEqual(sorted(manifests), sorted(expected));
    const elsewhere = await get(`${daemon.url}${paths(image.digest).replace(REPOSITORY, 'team/other')}`);
    assert.deepEqual([elsewhere.status, errorCode(elsewhere)], [503, 'UNAVAILABLE']);
    repair();
    assert.equal(digests(await everyPage(daemon, paths(image.digest))).length, 3);
  });

  it("are not made up: where none is stored, upstream's failure is the answer, and staleIfError 0s always", async (t) => {
    const { registry, daemon, image } = await startScene(t);
    const sbom = makeImage({ seed: 'sbom', artifactType: SBOM, subject: image });
    registry.push(REPOSITORY, sbom);
    registry.fail({ kind: 'referrers' }, { status: 503 });
    assert.equal((await get(`${daemon.url}${paths(image.digest)}`)).status, 503);
    await daemon.manifest(REPOSITORY, sbom.digest);
    await daemon.stored(sbom.digest);
    await daemon.reload({ staleIfError: '0s' });
    assert.equal((await get(`${daemon.url}${paths(image.digest)}`)).status, 503);
  });
});

describe('a signature under a tag', () => {
  for (const suffix of ['sig', 'att', 'sbom']) {
    it(`.${suffix} is served like any tag, and one that is added is seen after negativeTtl, not tagTtl`, async (t) => {
      const { registry, daemon, image } = await startScene(t, { upstream: { tagTtl: '1h', negativeTtl: '300ms' } });
      const tag = `${image.digest.replace(':', '-')}.${suffix}`;
      assert.equal((await daemon.manifest(REPOSITORY, tag)).status, 404);
      const [one, two] = [makeImage({ seed: 'one' }), makeImage({ seed: 'two', layers: [100, 200] })];
      registry.push(REPOSITORY, one, tag);
      const isNow = async (digest: string) =>
        (await daemon.manifest(REPOSITORY, tag)).headers['docker-content-digest'] === digest;
      await eventually(() => isNow(one.digest), 'the first signature');
      registry.push(REPOSITORY, two, tag);
      await eventually(() => isNow(two.digest), 'the second signature');
      await registry.down();
      assert.ok(await isNow(two.digest), 'and without upstream it is still there');
    });
  }
});
