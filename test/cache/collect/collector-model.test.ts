/**
 * The collector against a model that knows nothing of edges: what the images consist of, and who holds them. Whatever is
 * reached from a root or a pin, or refers to that, is never lost; the rest goes in the end. Also while pulls and
 * prefetches come in between, and when all of it is killed at any of its awaits.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { parseTag } from '../../../src/oci/reference.js';
import { Collected, digest, GRACE, POLICY, repositoryOf, RETENTION, type TestImage } from '../support/collected.js';

const LAYERS = ['l0', 'l1', 'l2', 'l3', 'l4'];
const IMAGES: readonly TestImage[] = [
  { name: 'i0', children: ['l0', 'l1'] },
  { name: 'i1', children: ['l0', 'l2'] },
  { name: 'i2', children: ['l3', 'l3', 'l1'] },
  { name: 'x0', children: ['i0', 'i1'] },
  { name: 'x1', children: ['i1', 'x2'] },
  { name: 'x2', children: ['i2'] },
  { name: 'r0', children: ['l4'], subject: 'i0' },
  { name: 'r1', children: ['l2'], subject: 'r0' },
];
/** More than the latest fetch waits before it begins. */
const LAST_TURNS = 50;
const NAMES = IMAGES.map(({ name }) => name);
const EVERYTHING = [...NAMES, ...LAYERS];
const REPOSITORIES = ['library/one', 'library/two'];
const TAGS = ['latest', 'edge'];

const place = { name: fc.constantFrom(...NAMES), in: fc.constantFrom(...REPOSITORIES), tag: fc.constantFrom(...TAGS) };

const pull = fc.record({ do: fc.constant('pull'), by: fc.constantFrom('tag', 'digest'), ...place });
const prefetch = fc.record({ do: fc.constant('prefetch'), ...place });
const meanwhile = fc.array(fc.oneof(pull, prefetch), { maxLength: 3 });
const action = fc.oneof(
  { weight: 4, arbitrary: pull },
  { weight: 1, arbitrary: prefetch },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pin', 'unpin', 'use', 'drop tag', 'forget'), ...place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('layer'), layer: fc.constantFrom(...LAYERS), ...place }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 1, max: RETENTION }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('collect'), meanwhile }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('killed'), awaits: fc.integer({ min: 0, max: 400 }), meanwhile }),
  },
);

interface Place {
  readonly do: string;
  readonly name: string;
  readonly in: string;
  readonly tag: string;
  readonly by?: string;
}

type Action = Partial<Place> & {
  readonly layer?: string;
  readonly ms?: number;
  readonly awaits?: number;
  readonly meanwhile?: readonly Partial<Place>[];
};

class Model {
  readonly cache: Collected;
  readonly #evicting: boolean;

  constructor(cache: Collected, evicting: boolean) {
    this.cache = cache;
    this.#evicting = evicting;
  }

  async apply(action: Action): Promise<void> {
    const { cache } = this;
    const { name = 'i0', tag = 'latest', layer = 'l0' } = action;
    const repository = repositoryOf(action.in);
    switch (action.do) {
      case 'pull':
      case 'prefetch':
        return this.#fetch(action);
      case 'pin':
        return cache.catalog.pin(repository, parseTag(tag));
      case 'unpin':
        await cache.catalog.unpin(repository, parseTag(tag));
        return;
      case 'use':
        cache.catalog.noteUse(repository, digest(name), cache.clock.now());
        return;
      case 'drop tag':
        return cache.catalog.dropTag(repository, parseTag(tag));
      case 'forget':
        await cache.store.delete(digest(name));
        return cache.catalog.forgetBlob(digest(name));
      case 'layer':
        return cache.layer(layer, repository);
      case 'wait':
        return cache.clock.advance(action.ms ?? 0);
      case 'collect':
        return this.#collect(action.meanwhile ?? []);
      default:
        return this.#killed(action.awaits ?? 0, action.meanwhile ?? []);
    }
  }

  /** Nothing held is lost; of the roots, only those went that may. */
  async #collect(meanwhile: readonly Partial<Place>[]): Promise<void> {
    const { cache } = this;
    const before = new Set(await cache.stored(EVERYTHING));
    const roots = await this.#roots();
    const started = cache.catalog.runningTime;
    const pulls = meanwhile.map((each, index) => this.#fetch(each, index * 7));
    cache.index.gate = cache.store.gate = () => nextTurn();
    await Promise.all([cache.collect(), ...pulls]);
    cache.index.gate = cache.store.gate = () => Promise.resolve();
    const after = new Set(await cache.stored(EVERYTHING));
    const expected = new Set(before);
    for (const each of meanwhile) for (const part of cache.whole(each.name ?? 'i0')) expected.add(part);
    for (const held of await this.#held(after)) {
      if (expected.has(held)) assert.ok(after.has(held), `${held} was lost`);
    }
    await this.#assertOnlyOldRootsWent(roots, started);
  }

  /** The disk answers no more while it collects and others fetch: what was stored and is held is there afterwards. */
  async #killed(awaits: number, meanwhile: readonly Partial<Place>[]): Promise<void> {
    const { cache } = this;
    const before = new Set(await cache.stored(EVERYTHING));
    const dead = cache.killAfter(awaits);
    const work = [cache.collect(), ...meanwhile.map((each, index) => this.#fetch(each, index * 7))];
    await Promise.race([dead, Promise.allSettled(work)]);
    // Whatever still runs comes to its next call to the disk, which is not answered: nothing of it reaches the new process.
    for (let turn = 0; turn < LAST_TURNS; turn++) await nextTurn();
    // Nothing protects what the dead process worked on: its jobs begin anew.
    cache.inUse.clear();
    await cache.restart();
    const after = new Set<string>();
    for (const name of EVERYTHING) {
      const recorded = await cache.catalog.blob(digest(name));
      if (recorded) assert.ok(cache.store.sizes.has(digest(name)), `${name} has a record and no bytes`);
      if (recorded) after.add(name);
    }
    for (const held of await this.#held(after)) if (before.has(held)) assert.ok(after.has(held), `${held} was lost`);
    // The bytes without records that the next steps could not tell from half a blob.
    await cache.collect();
  }

  /** A pull or a prefetch, some turns of the event loop from now. */
  async #fetch({ do: how, name = 'i0', tag = 'latest', by, in: place }: Partial<Place>, turns = 0): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await nextTurn();
    const repository = repositoryOf(place);
    if (how === 'prefetch') await this.cache.prefetch(name, { tag, repository });
    else await this.cache.pull(name, { tag, repository, by: by === 'digest' ? 'digest' : 'tag' });
  }

  async #roots(): Promise<ReadonlyMap<string, number>> {
    const { catalog } = this.cache;
    const roots = new Map<string, number>();
    for await (const { repository, digest: root } of catalog.roots()) {
      roots.set(`${repository.name} ${root}`, (await catalog.lastUse(repository, root))?.ran ?? Infinity);
    }
    return roots;
  }

  async #assertOnlyOldRootsWent(before: ReadonlyMap<string, number>, started: number): Promise<void> {
    const after = await this.#roots();
    for (const [root, ran] of before) {
      if (after.has(root) || this.#evicting) continue;
      const parentCame = await this.#hasParent(root);
      assert.ok(parentCame || started - ran >= RETENTION, `${root} was used ${started - ran} ms before`);
    }
    for await (const pin of this.cache.catalog.pins()) {
      const root = `${pin.repository.name} ${pin.digest}`;
      if (pin.digest && before.has(root))
        assert.ok(after.has(root) || (await this.#hasParent(root)), 'a pin was ignored');
    }
  }

  /** Its root gave way to that of an index which was pulled meanwhile. */
  async #hasParent(root: string): Promise<boolean> {
    for (const { name, children } of IMAGES) {
      const isParent = children.some((child) => root.endsWith(digest(child)));
      if (isParent && (await this.cache.catalog.blob(digest(name)))) return true;
    }
    return false;
  }

  /** What is reached from the roots and pins through stored manifests, and what refers to that. */
  async #held(stored: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const held = new Set<string>();
    const hold = (name: string): void => {
      if (held.has(name)) return;
      held.add(name);
      for (const child of this.cache.image(name)?.children ?? []) hold(child);
      for (const { name: referrer, subject } of IMAGES) {
        if (subject === name && stored.has(name) && stored.has(referrer)) hold(referrer);
      }
    };
    const nameOf = (each: string) => EVERYTHING.find((name) => digest(name) === each) ?? '';
    for await (const root of this.cache.catalog.roots()) hold(nameOf(root.digest));
    for await (const pin of this.cache.catalog.pins()) if (pin.digest) hold(nameOf(pin.digest));
    held.delete('');
    return held;
  }

  /** After long enough nothing is there but what is held, and the index and its total agree with the store. */
  async settle(): Promise<void> {
    const { cache } = this;
    // A crash may have forgotten the last minute of running time.
    await cache.clock.advance(GRACE + 70_000);
    await cache.collect();
    await cache.collect();
    const stored = new Set(await cache.stored(EVERYTHING));
    const held = await this.#held(stored);
    for (const name of stored) assert.ok(held.has(name), `${name} is held by nothing and still here`);
    assert.equal(cache.store.sizes.size, stored.size, 'a file without a record is left');
    assert.deepEqual(await cache.catalog.stored(), { blobs: stored.size, bytes: 100 * stored.size });
    const gone = EVERYTHING.filter((name) => !held.has(name)).map(digest);
    const leftOver = (await cache.keys()).filter(
      (key) => /^(blob|link|held|manifest|root) /.test(key) && gone.some((each) => key.includes(each)),
    );
    assert.deepEqual(leftOver, []);
  }
}

let operations = 0;

const scenario = (evicting: boolean) => async (actions: readonly Action[]) => {
  const undo: (() => void | Promise<void>)[] = [];
  const policy = evicting ? { maxSize: 900 } : POLICY;
  const cache = await Collected.open({ after: (fn) => void undo.push(fn) }, IMAGES, policy);
  try {
    const model = new Model(cache, evicting);
    for (const action of actions) await model.apply(action);
    operations += actions.length;
    await model.settle();
  } finally {
    await cache.collector.close();
    await cache.catalog.close();
    for (const step of undo) await step();
  }
};

/** `npm run test:model` sets how many, and takes another seed each time. */
const seed = Number(process.env['SEED'] ?? 4711);
const runs = (numRuns: number) => ({ numRuns: Number(process.env['MODEL_RUNS'] ?? numRuns), seed });

describe(`the collector, whatever happens (seed ${seed})`, () => {
  after(() => process.stderr.write(`collector: ${operations} operations, seed ${seed}\n`));

  it('loses nothing that is held, and leaves nothing that is not', async () => {
    await fc.assert(fc.asyncProperty(fc.array(action, { maxLength: 14 }), scenario(false)), runs(60));
  });

  it('does so while it has to make room', async () => {
    await fc.assert(fc.asyncProperty(fc.array(action, { maxLength: 14 }), scenario(true)), runs(40));
  });
});
