/** What every source of credentials owes to those who log in with it, and what those that fetch theirs owe besides. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { createLog } from '../../../src/lib/log.js';
import { openCredentials, type UpstreamAuth } from '../../../src/upstream/credentials/open.js';
import { proofOf, type CredentialSource } from '../../../src/upstream/credentials/credential-source.js';
import { eventually } from '../../support/eventually.js';
import { ManualClock } from '../../support/manual-clock.js';
import { failsWith } from '../support.js';

/** Where a source gets its credentials, for a test to have its way with. */
export interface Origin {
  readonly auth: UpstreamAuth;
  readonly url: URL;
  readonly fetch?: typeof fetch;
  /** From now on there is nothing good to be had there; and then there is, something else than before. */
  break(): void | Promise<void>;
  mend(): void | Promise<void>;
  /** Everything that must not be told. */
  secrets(): readonly string[];
  /** How many were given; for those that are fetched. */
  given(): number;
}

export interface Kind {
  /** Milliseconds that one lives, as its origin says; undefined for what is at hand and not fetched. */
  readonly life?: number;
  readonly skip?: string | false;
  readonly open: (t: TestContext, clock: ManualClock) => Promise<Origin>;
}

interface Scene {
  readonly origin: Origin;
  readonly source: CredentialSource;
  readonly clock: ManualClock;
  readonly logged: string[];
  readonly get: () => Promise<string>;
}

const PAUSE = 5000;

async function scene(t: TestContext, { open }: Kind): Promise<Scene> {
  const clock = new ManualClock(Date.now());
  const origin = await open(t, clock);
  const logged: string[] = [];
  const { logger: log } = createLog({ level: 'debug', format: 'json' }, { write: (line) => void logged.push(line) });
  const { url, auth, fetch: cloudFetch } = origin;
  const ask = async ({
    url: to,
    form,
    headers,
  }: {
    url: URL;
    form?: Readonly<Record<string, string>>;
    headers: object;
  }) => {
    const answer = await fetch(to, { method: 'POST', headers: { ...headers }, body: new URLSearchParams(form) });
    return { status: answer.status, challenges: [], body: Buffer.from(await answer.arrayBuffer()) };
  };
  const source = openCredentials(auth, { upstream: 'up.test', url, env: {}, ask, cloudFetch, clock, log });
  assert.ok(source);
  const get = async () => proofOf(await source.get(new AbortController().signal));
  return { origin, source, clock, logged, get };
}

/** Neither the log nor the error, however it is printed, may show a secret, as it is or in base64. */
function tellsNone({ origin, source, logged }: Scene, error?: unknown): void {
  const told = [source.about, ...logged, inspect(error, { depth: 20, showHidden: true })].join('\n');
  for (const secret of origin.secrets()) {
    for (const form of [secret, Buffer.from(secret).toString('base64').replace(/=+$/, '')])
      assert.ok(!told.includes(form), `a secret was told: ${told}`);
  }
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail('a credential was had'),
    (error: unknown) => error,
  );

export function credentialSource(name: string, kind: Kind): void {
  const { life, skip = false } = kind;
  describe(`a credential source: ${name}`, { skip }, () => {
    it('gives a credential, the same as long as nothing changes, and says what it is', async (t) => {
      const at = await scene(t, kind);
      const first = await at.get();
      assert.equal(await at.get(), first);
      assert.notEqual(at.source.about, '');
      tellsNone(at);
    });

    it('that has none to give is UPSTREAM_CREDENTIALS, and works again once that is mended', async (t) => {
      const at = await scene(t, kind);
      await at.origin.break();
      const error = await failure(at.get());
      failsWith('UPSTREAM_CREDENTIALS')(error);
      tellsNone(at, error);
      await at.origin.mend();
      await at.clock.advance(PAUSE);
      assert.notEqual(await at.get(), '');
      tellsNone(at);
    });

    it('leaves the caller who does not wait, and no other', async (t) => {
      const at = await scene(t, kind);
      const gone = at.source.get(AbortSignal.abort(new Error('gone')));
      const [left, stayed] = await Promise.allSettled([gone, at.get()]);
      assert.equal(stayed.status, 'fulfilled');
      if (life !== undefined) assert.equal(left.status, 'rejected');
    });

    if (life === undefined) return;

    it('fetches one for fifty who want it together', async (t) => {
      const at = await scene(t, kind);
      assert.equal(new Set(await Promise.all(Array.from({ length: 50 }, at.get))).size, 1);
      assert.equal(at.origin.given(), 1);
    });

    it('renews it ahead of its end, behind the scenes', async (t) => {
      const at = await scene(t, kind);
      const first = await at.get();
      await at.clock.advance(life * 0.75);
      assert.equal(await at.get(), first);
      assert.equal(at.origin.given(), 1, 'not yet');
      await at.clock.advance(life * 0.1);
      assert.equal(await at.get(), first, 'nobody waits for it');
      await eventually(async () => (await at.get()) !== first, 'the next one is there');
      assert.equal(at.origin.given(), 2);
      await at.clock.advance(life * 0.5);
      await at.get();
      assert.equal(at.origin.given(), 2, 'and lives its own life');
    });

    it('goes on with the one at hand while the renewal fails, and says so once', async (t) => {
      const at = await scene(t, kind);
      const first = await at.get();
      await at.origin.break();
      await at.clock.advance(life * 0.82);
      const warnings = () => at.logged.filter((line) => line.includes('was not renewed')).length;
      assert.equal(await at.get(), first);
      await eventually(() => warnings() === 1, 'the failure is logged');
      await at.clock.advance(life * 0.1);
      assert.equal(await at.get(), first);
      await at.clock.advance(life * 0.1);
      failsWith('UPSTREAM_CREDENTIALS')(await failure(at.get()));
      assert.equal(warnings(), 1);
      await at.origin.mend();
      await at.clock.advance(PAUSE);
      assert.notEqual(await at.get(), first);
      tellsNone(at);
    });

    it('gives another one after upstream refused it, but does not fetch one with each refusal', async (t) => {
      const at = await scene(t, kind);
      const { signal } = new AbortController();
      const first = await at.source.get(signal);
      at.source.invalidate(first);
      const second = await at.source.get(signal);
      assert.notEqual(proofOf(second), proofOf(first));
      await at.clock.advance(PAUSE);
      at.source.invalidate(first);
      assert.equal(await at.source.get(signal), second, 'the one that was refused is gone already');
      at.source.invalidate(second);
      const third = await at.source.get(signal);
      assert.notEqual(third, second);
      at.source.invalidate(third);
      assert.equal(await at.source.get(signal), third, 'refused again at once: it is not the credential');
    });

    it('goes on with the one that upstream refused while there is no other, for it may be good elsewhere', async (t) => {
      const at = await scene(t, kind);
      const { signal } = new AbortController();
      const first = await at.source.get(signal);
      await at.origin.break();
      at.source.invalidate(first);
      await at.clock.advance(PAUSE / 2);
      assert.equal(await at.source.get(signal), first);
      await at.clock.advance(PAUSE / 2);
      at.source.invalidate(first);
      assert.equal(await at.source.get(signal), first, 'within the pause after a failure');
      assert.equal(at.logged.filter((line) => line.includes('was not renewed')).length, 1);
      await at.origin.mend();
      await at.clock.advance(PAUSE);
      at.source.invalidate(first);
      const second = await at.source.get(signal);
      assert.notEqual(proofOf(second), proofOf(first));
      await at.origin.break();
      await at.clock.advance(life);
      failsWith('UPSTREAM_CREDENTIALS')(await failure(at.get()));
      tellsNone(at);
    });

    it('asks no more often than every few seconds while it fails', async (t) => {
      const at = await scene(t, kind);
      await at.origin.break();
      await failure(at.get());
      await at.origin.mend();
      failsWith('UPSTREAM_CREDENTIALS')(await failure(at.get()));
      await at.clock.advance(PAUSE);
      await at.get();
      assert.equal(at.origin.given(), 1);
    });
  });
}
