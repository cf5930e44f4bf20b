/** What is listed, and what is refused, in each dialect. */
import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.js';
import { type Answer, errorCode, get } from '../support/http.js';
import { content, descriptorOf, makeImage, OCI_INDEX, referrersTag } from '../support/images.js';
import { NOTHING, pull, type Scenario, type Scene } from './scene.js';

const TAGS = ['v1', 'v2', 'v3', 'v4', 'v5'];

/** What a client is told for what upstream says no with. */
const ANSWERS: Readonly<Record<number, readonly [status: number, code: string]>> = {
  401: [404, 'MANIFEST_UNKNOWN'],
  403: [403, 'DENIED'],
  404: [404, 'MANIFEST_UNKNOWN'],
};

/** `as`: the status that it comes to the same as. */
function refusedAs(status: number, answer: Answer, as = status): string {
  assert.deepEqual([answer.status, errorCode(answer)], ANSWERS[as]);
  return `${status} → ${answer.status}`;
}

export const ASKING: readonly Scenario[] = [
  {
    column: 'tags in pages',
    async run(start) {
      const { registry, daemon, dialect, image } = await start();
      for (const tag of TAGS) registry.push('listed/app', image, tag);
      const listed: string[] = [];
      let next = `/v2/listed/app/tags/list?n=2&ns=${dialect.entry.name}`;
      for (let page = 0; next !== '' && page < 10; page++) {
        const { status, headers, body } = await get(new URL(next, daemon.url).href);
        assert.equal(status, 200);
        const { tags } = JSON.parse(body.toString()) as { readonly tags: readonly string[] };
        assert.ok(tags.length <= 2);
        listed.push(...tags);
        next = /<([^>]+)>; rel="next"/.exec(String(headers.link))?.[1] ?? '';
      }
      assert.deepEqual(listed, TAGS);
      return 'yes';
    },
  },
  {
    column: 'referrers',
    async run(start, dialect) {
      const { registry, daemon, image } = await start();
      const signature = makeImage({ seed: 'signature', subject: image, artifactType: 'application/x-signature' });
      registry.push(dialect.repository, signature);
      const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptorOf(signature)] };
      const tagged = content(Buffer.from(JSON.stringify(index)), OCI_INDEX);
      if (dialect.referrers !== 'api') registry.addManifest(dialect.repository, tagged, referrersTag(image.digest));
      for (let asked = 0; asked < 2; asked++) {
        const url = `${daemon.url}/v2/${dialect.repository}/referrers/${image.digest}?ns=${dialect.entry.name}`;
        const { status, headers, body } = await get(url);
        assert.deepEqual([status, headers['content-type']], [200, OCI_INDEX]);
        const { manifests } = JSON.parse(body.toString()) as { readonly manifests: readonly { digest: string }[] };
        assert.deepEqual(
          manifests.map(({ digest }) => digest),
          [signature.digest],
        );
      }
      return registry.count({ reference: referrersTag(image.digest) }) > 0 ? 'fallback tag' : 'API';
    },
  },
  {
    column: 'unknown tag',
    async run(start, { repository }) {
      const { daemon } = await start();
      return refusedAs(404, await daemon.manifest(repository, 'nowhere'));
    },
  },
  {
    column: 'unknown repository',
    async run(start, { unknownRepository }) {
      const { daemon, registry } = await start();
      registry.forgetRequests();
      const answer = refusedAs(unknownRepository.status, await daemon.manifest('no/such', 'v1'));
      assert.ok(registry.requests.length <= 6, 'no loop');
      return answer;
    },
  },
  {
    column: 'private repository',
    async run(start, { privateRepository }) {
      if (!privateRepository) return NOTHING;
      const { daemon, registry, repository } = await start();
      registry.push('private/app', makeImage({ seed: 'private' }), 'v1');
      registry.restrict('private/app', ['somebody else']);
      const answer = refusedAs(privateRepository.status, await daemon.manifest('private/app', 'v1'));
      assert.equal((await daemon.manifest(repository, 'v1')).status, 200, 'others can be pulled all the same');
      return answer;
    },
  },
  {
    column: 'private, logged in',
    async run(start, { privateRepository, login }) {
      if (!privateRepository || login.type === 'none') return NOTHING;
      const { daemon, registry } = await start({ login: true });
      registry.push('another/app', makeImage({ seed: 'private' }), 'v1');
      registry.restrict('another/app', ['somebody else']);
      const answer = await daemon.manifest('another/app', 'v1');
      assert.equal(
        daemon.logged('our credential was refused').length,
        0,
        'it is the repository and not the credential',
      );
      // The token endpoint has been asked with a good credential: what it says is about this repository.
      return refusedAs(
        privateRepository.status,
        answer,
        privateRepository.by === 'token' ? 403 : privateRepository.status,
      );
    },
  },
  {
    column: 'wrong password',
    async run(start, { login, repository }) {
      if (login.type === 'none') return NOTHING;
      const { daemon } = await start({ login: true, password: 'wrong-canary' });
      const answer = await daemon.manifest(repository, 'v1');
      assert.deepEqual([answer.status, errorCode(answer)], [502, 'UNAVAILABLE']);
      await eventually(() => daemon.logged('UPSTREAM_CREDENTIALS').length > 0, 'the refusal is logged');
      assert.equal(daemon.logged('wrong-canary').length, 0);
      return '502, logged';
    },
  },
];

export const LIMITS: readonly Scenario[] = [
  {
    column: 'tells its limit',
    async run(start) {
      const scene = await start();
      await pull(scene);
      const { limit, remaining, window } = (await stateOf(scene)).rateLimit ?? {};
      if (limit === undefined) return 'no';
      return `${remaining} of ${limit}${window === undefined ? '' : ` in ${window / 3600} h`}`;
    },
  },
  {
    column: '429 to',
    run: (_start, { tooMany: { request } }) =>
      Promise.resolve(
        request.kind === 'token' ? 'tokens' : request.method === 'GET' ? 'GETs of manifests' : 'manifests',
      ),
  },
  {
    column: 'known tag',
    async run(start) {
      const scene = await start({ entry: { tagTtl: '0s' }, alone: true });
      await pull(scene);
      refuse(scene);
      const { status, headers, body } = await scene.daemon.manifest(scene.repository, 'v1');
      assert.deepEqual([status, body.equals(scene.image.bytes)], [200, true]);
      return /detail=(\w+)/.exec(String(headers['cache-status']))?.[1] ?? 'hit';
    },
  },
  {
    column: 'new tag',
    async run(start) {
      const scene = await start({ alone: true });
      const { daemon, registry, repository, dialect } = scene;
      const moved = makeImage({ seed: 'new' });
      registry.push(repository, moved, 'v2');
      const stop = refuse(scene);
      const first = await daemon.manifest(repository, 'v2');
      assert.deepEqual([first.status, errorCode(first)], [429, 'TOOMANYREQUESTS']);
      assert.match(String(first.headers['retry-after']), /^\d+$/);
      const said = dialect.tooMany.headers['retry-after'];
      if (said === undefined) {
        stop();
        await eventually(async () => (await daemon.manifest(repository, 'v2')).status === 200, 'it is asked again');
        return '429, asked again after 1 s';
      }
      const { heldBackUntil } = await stateOf(scene);
      assert.ok(heldBackUntil !== undefined && heldBackUntil > Date.now(), 'the status says that it has us wait');
      registry.forgetRequests();
      for (const tag of ['v2', 'v1', 'v2']) assert.equal((await daemon.manifest(repository, tag)).status, 429);
      const { kind, method } = dialect.tooMany.request;
      assert.equal(registry.count({ kind, ...(method && { method }) }), 0, 'it is left alone');
      return `429, asked again after ${said} s`;
    },
  },
];

const stateOf = async ({ daemon }: Scene) => (await daemon.upstreams.list())[0]!;

/** From now on there were too many requests, also for whoever has a token. Returns how to end it. */
function refuse({ registry, dialect: { tooMany } }: Scene): () => void {
  const { request, headers, body } = tooMany;
  if (request.kind === 'token') registry.expireTokens();
  return registry.fail(request, { status: 429, headers, body });
}
