/** Edges against a model: whatever was recorded in whatever order, what is reachable and what is needed are the model's. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { Catalog } from '../../src/catalog/catalog.js';
import type { Digest } from '../../src/oci/digest.js';
import { descriptor, digest, memoryCatalog, repository, tag, eraseUnneeded } from '../support/catalogs.js';
import { collect } from '../support/collect.js';

const R = repository('library/r');
const NODES = 9;
const name = (node: number) => `node ${node}`;

/** Node i may name only nodes below it, as digests do: a manifest is hashed after what it names. 0 to 2 are layers. */
type Step =
  | { readonly do: 'blob'; readonly node: number }
  | { readonly do: 'manifest'; readonly node: number; readonly asked: 'tag' | 'digest' | 'child'; readonly tag: string }
  | { readonly do: 'point'; readonly node: number; readonly tag: string }
  | { readonly do: 'note' | 'drop' | 'erase' | 'forget'; readonly node: number };

const node = fc.integer({ min: 0, max: NODES - 1 });
const manifestNode = fc.integer({ min: 3, max: NODES - 1 });
const anyTag = fc.constantFrom('one', 'two');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('blob' as const), node: fc.integer({ min: 0, max: 2 }) }),
  fc.record({
    do: fc.constant('manifest' as const),
    node: manifestNode,
    asked: fc.constantFrom('tag' as const, 'digest' as const, 'child' as const),
    tag: anyTag,
  }),
  fc.record({ do: fc.constant('point' as const), node: manifestNode, tag: anyTag }),
  fc.record({ do: fc.constantFrom('note' as const, 'drop' as const, 'erase' as const, 'forget' as const), node }),
);
/** For each node, which of the nodes below it it names. */
const graph = fc.array(fc.array(node, { maxLength: 4 }), { minLength: NODES, maxLength: NODES });

class Model {
  readonly #names: readonly (readonly number[])[];
  /** Manifests whose edges are known. */
  readonly edges = new Set<number>();
  readonly stored = new Set<number>();
  readonly roots = new Map<number, 'tag' | 'digest'>();

  constructor(names: readonly (readonly number[])[]) {
    this.#names = names;
  }

  children(of: number): readonly number[] {
    return of < 3 ? [] : [...new Set(this.#names[of]!.filter((child) => child < of))];
  }

  parents(of: number): readonly number[] {
    return [...this.edges].filter((parent) => this.children(parent).includes(of));
  }

  root(at: number, by: 'tag' | 'digest'): void {
    if (by === 'tag') this.roots.set(at, 'tag');
    else if (!this.roots.has(at) && !this.parents(at).some((parent) => this.stored.has(parent)))
      this.roots.set(at, 'digest');
  }

  manifest(at: number, asked: 'tag' | 'digest' | 'child'): void {
    this.stored.add(at);
    this.edges.add(at);
    for (const child of this.children(at)) if (this.roots.get(child) === 'digest') this.roots.delete(child);
    if (asked !== 'child') this.root(at, asked);
  }

  erase(at: number): boolean {
    if (this.roots.has(at) || this.parents(at).length > 0) return false;
    this.stored.delete(at);
    this.edges.delete(at);
    return true;
  }

  reachable(): ReadonlySet<number> {
    const found = new Set<number>();
    const visit = (at: number) => {
      if (found.has(at)) return;
      found.add(at);
      if (this.edges.has(at)) this.children(at).forEach(visit);
    };
    for (const at of this.roots.keys()) visit(at);
    return found;
  }
}

async function apply(catalog: Catalog, model: Model, s: Step): Promise<void> {
  const d = digest(name(s.node));
  switch (s.do) {
    case 'blob':
      await catalog.recordBlob({ repository: R, descriptor: descriptor(name(s.node)), public: true });
      model.stored.add(s.node);
      return;
    case 'manifest': {
      const children = model.children(s.node).map((child) => descriptor(name(child)));
      const stored = { repository: R, descriptor: descriptor(name(s.node)), public: true, children, asked: s.asked };
      await catalog.recordManifest({ ...stored, tag: s.asked === 'tag' ? tag(s.tag) : undefined });
      model.manifest(s.node, s.asked);
      return;
    }
    case 'point':
      if (!model.stored.has(s.node)) return;
      await catalog.pointTag(R, tag(s.tag), descriptor(name(s.node)), 1);
      model.root(s.node, 'tag');
      return;
    case 'note':
      if (!model.stored.has(s.node)) return;
      await catalog.noteRoot(R, d);
      model.root(s.node, 'digest');
      return;
    case 'drop':
      await catalog.dropRoot(R, d);
      model.roots.delete(s.node);
      return;
    case 'forget':
      await catalog.forgetBlob(d);
      model.stored.delete(s.node);
      return;
    case 'erase':
      assert.equal((await eraseUnneeded(catalog, d)) !== undefined, model.erase(s.node));
  }
}

async function reachable(catalog: Catalog): Promise<ReadonlySet<Digest>> {
  const found = new Set<Digest>();
  const visit = async (at: Digest): Promise<void> => {
    if (found.has(at)) return;
    found.add(at);
    for (const child of (await catalog.manifest(at))?.children ?? []) await visit(child);
  };
  for await (const root of catalog.roots()) await visit(root.digest);
  return found;
}

const sorted = (digests: Iterable<Digest>) => [...digests].sort();
const digests = (nodes: Iterable<number>) => sorted([...nodes].map((each) => digest(name(each))));

async function assertAgrees(catalog: Catalog, model: Model): Promise<void> {
  assert.deepEqual(sorted(await reachable(catalog)), digests(model.reachable()));
  const roots = (await collect(catalog.roots())).map((root) => `${root.digest} ${root.by}`);
  assert.deepEqual(roots.sort(), [...model.roots].map(([each, by]) => `${digest(name(each))} ${by}`).sort());
  assert.deepEqual(sorted((await collect(catalog.blobs())).map((blob) => blob.digest)), digests(model.stored));
  assert.deepEqual(sorted(await collect(catalog.heldBy(R))), digests(model.stored));
  for (let each = 0; each < NODES; each++) {
    assert.deepEqual(sorted(await collect(catalog.parentsOf(digest(name(each))))), digests(model.parents(each)));
  }
}

describe('edges and roots', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

  it('are those of a model after any steps, and reverse edges are complete', async (t: TestContext) => {
    t.diagnostic(`SEED=${seed}`);
    await fc.assert(
      fc.asyncProperty(graph, fc.array(step, { maxLength: 40 }), async (names, steps) => {
        const { catalog } = await memoryCatalog(t);
        const model = new Model(names);
        for (const each of steps) await apply(catalog, model, each);
        await assertAgrees(catalog, model);
      }),
      { seed, numRuns: 300 },
    );
  });

  it('let everything go once every root is dropped, and nothing before', async (t: TestContext) => {
    t.diagnostic(`SEED=${seed}`);
    await fc.assert(
      fc.asyncProperty(graph, fc.array(step, { maxLength: 30 }), async (names, steps) => {
        const { catalog } = await memoryCatalog(t);
        const model = new Model(names);
        for (const each of steps) await apply(catalog, model, each);
        const sweep = async () => {
          const waiting = Array.from({ length: NODES }, (_, i) => digest(name(i)));
          for (let next = waiting.pop(); next; next = waiting.pop())
            waiting.push(...((await eraseUnneeded(catalog, next)) ?? []));
        };
        const needed = new Set(digests(model.reachable()));
        await sweep();
        for (const each of digests(model.stored)) {
          assert.equal((await catalog.blob(each)) !== undefined, needed.has(each));
        }
        for (const root of await collect(catalog.roots())) await catalog.dropRoot(root.repository, root.digest);
        await sweep();
        assert.deepEqual(await collect(catalog.blobs()), []);
        for (let i = 0; i < NODES; i++) assert.deepEqual(await collect(catalog.parentsOf(digest(name(i)))), []);
      }),
      { seed, numRuns: 100 },
    );
  });
});
