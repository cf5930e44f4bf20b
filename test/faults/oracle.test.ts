/** Who judges the lab's runs: a judge that lets everything pass would find nothing. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FakeRegistry } from '../support/fake-registry.js';
import type { Answer } from '../support/http.js';
import { Library, type Shelved } from './lab/library.js';
import { HELD_BACK, isVerdict, Oracle } from './lab/oracle.js';
import { Random } from './lab/random.js';

const MiB = 1024 * 1024;

type How = 'hit' | 'fwd=miss' | 'fwd=bypass';

interface Content {
  readonly digest: string;
  readonly bytes: Buffer;
}

let library: Library;

before(async () => {
  library = Library.fill(await FakeRegistry.start({ after }), new Random(7), 40);
});

/** With one bit wrong at its start. */
function spoilt(bytes: Buffer): Buffer {
  const wrong = Buffer.from(bytes);
  wrong[0]! ^= 1;
  return wrong;
}

const answer = (body: Buffer, status = 200, headers: Answer['headers'] = {}): Answer => ({
  status,
  headers,
  body,
  complete: true,
});

/** [start, end) of a blob, or other bytes in the place of these. */
function part(of: Content, start: number, end: number, how: How = 'hit', body = of.bytes.subarray(start, end)) {
  const headers = {
    'cache-status': `cistern; ${how}`,
    'content-range': `bytes ${start}-${end - 1}/${of.bytes.length}`,
  };
  return [of.digest, answer(body, 206, headers), { start, end }] as const;
}

describe('the judge of an answer', () => {
  let small: Content;
  let large: Content;

  before(() => {
    const blobs = library.all.flatMap(({ images }) => images.flatMap(({ layers }) => layers));
    small = blobs.find(({ bytes }) => bytes.length > 1000 && bytes.length < MiB)!;
    large = blobs.find(({ bytes }) => bytes.length > MiB)!;
  });

  it('finds a complete one that is wrong', () => {
    const oracle = new Oracle(library);
    oracle.judge(large.digest, answer(large.bytes));
    assert.throws(() => oracle.judge(large.digest, answer(spoilt(large.bytes))), isVerdict);
    assert.equal(oracle.answers, 2);
  });

  it('finds a wrong range of what is stored, or of a small blob, wherever that comes from', () => {
    const oracle = new Oracle(library);
    oracle.judge(...part(large, 0, 100));
    assert.throws(() => oracle.judge(...part(large, 0, 100, 'hit', spoilt(large.bytes.subarray(0, 100)))), isVerdict);
    for (const how of ['hit', 'fwd=miss', 'fwd=bypass'] as const) {
      const wrong = spoilt(small.bytes.subarray(0, 100));
      assert.throws(() => oracle.judge(...part(small, 0, 100, how, wrong)), isVerdict);
    }
  });

  it('finds right bytes under the wrong range', () => {
    const [digest, right] = part(large, 0, 100);
    assert.throws(() => new Oracle(library).judge(digest, right, { start: 0, end: 101 }), isVerdict);
  });

  it('leaves a range of a large blob to the client while it is fetched, but for the end that is held back', () => {
    const oracle = new Oracle(library);
    const end = large.bytes.length - HELD_BACK;
    const from = (until: number) => spoilt(large.bytes.subarray(end - 10, until));
    oracle.judge(...part(large, end - 10, end, 'fwd=miss', from(end)));
    assert.throws(() => oracle.judge(...part(large, end - 10, end + 1, 'fwd=miss', from(end + 1))), isVerdict);
  });

  it('finds what a tag was never pointed at, and a digest that is not that of the bytes', () => {
    const oracle = new Oracle(library);
    const [first, second] = library.shelf as [Shelved, Shelved];
    const of = ({ digests }: Shelved, named = digests[0]!) =>
      answer(library.bytes(digests[0]!), 200, { 'docker-content-digest': named });
    oracle.judgeTag(first.repository, first.tag, of(first));
    assert.throws(() => oracle.judgeTag(first.repository, first.tag, of(second)), isVerdict);
    assert.throws(() => oracle.judgeTag(first.repository, first.tag, of(first, second.digests[0])), isVerdict);
  });
});

describe('the judge of what was acknowledged', () => {
  const stored = (repository: string, digest: string, at = Date.now()) =>
    JSON.stringify({ time: new Date(at).toISOString(), msg: 'stored', repository, digest });
  const hearAll = (oracle: Oracle, { repository, digests }: Shelved) => {
    for (const digest of digests) oracle.hear(stored(repository, digest));
  };
  const keptOf = (oracle: Oracle) => oracle.kept.map(({ digest }) => digest).sort();
  const sorted = (digests: Iterable<string>) => [...digests].sort();
  /** An image that shares nothing with the others. */
  const alone = () =>
    library.shelf.find((each) =>
      each.digests.every((digest) => library.all.every((other) => other === each || !other.digests.includes(digest))),
    )!;

  it('finds what was called stored and is not answered, whole and right', () => {
    const oracle = new Oracle(library);
    const { repository, digests } = alone();
    const [digest] = digests as [string];
    oracle.hear(stored(repository, digest));
    assert.deepEqual(oracle.kept, [{ repository, digest }]);
    const kept = { repository, digest };
    oracle.judgeKept(kept, answer(library.bytes(digest)));
    assert.equal(oracle.survivals, 1);
    assert.throws(() => oracle.judgeKept(kept, answer(Buffer.from('no'), 504)), isVerdict);
    assert.throws(() => oracle.judgeKept(kept, { ...answer(library.bytes(digest)), complete: false }), isVerdict);
    assert.throws(() => oracle.judgeKept(kept, answer(spoilt(library.bytes(digest)))), isVerdict);
  });

  it('holds nobody to what was asked to go, until that is refused', () => {
    const oracle = new Oracle(library);
    const image = alone();
    hearAll(oracle, image);
    const drop = oracle.drops(image);
    assert.deepEqual(oracle.kept, []);
    drop.refused();
    assert.deepEqual(keptOf(oracle), sorted(image.digests));
  });

  it('holds them to what was stored after it went, and not to what was stored while it did', () => {
    const oracle = new Oracle(library);
    const image = alone();
    const [first, second] = image.digests as [string, string];
    const drop = oracle.drops(image);
    oracle.hear(stored(image.repository, first));
    drop.done();
    assert.deepEqual(oracle.kept, []);
    oracle.hear(stored(image.repository, second, Date.now() + 1000));
    assert.deepEqual(keptOf(oracle), [second]);
  });

  it('holds them to what another image needs that is there', () => {
    const oracle = new Oracle(library);
    const shares = (image: Shelved) => (other: Shelved) =>
      other !== image && other.digests.some((digest) => image.digests.includes(digest));
    const image = library.shelf.find((each) => library.shelf.some(shares(each)))!;
    const other = library.shelf.find(shares(image))!;
    hearAll(oracle, image);
    hearAll(oracle, other);
    oracle.drops(image).done();
    const kept = new Set(keptOf(oracle));
    for (const digest of other.digests) assert.ok(kept.has(digest));
  });

  it('counts nothing that is said after the power went, until the next start', () => {
    const oracle = new Oracle(library);
    const image = alone();
    const [first, second] = image.digests as [string, string];
    oracle.powerGoes();
    oracle.hear(stored(image.repository, first, Date.now() + 1000));
    oracle.told(image, Date.now());
    assert.deepEqual(oracle.kept, []);
    oracle.restarted();
    oracle.hear(stored(image.repository, second));
    assert.deepEqual(keptOf(oracle), [second]);
  });

  it('leaves what no manifest names to a collection that sweeps, and only there', () => {
    const { repository, images } = alone();
    const [image] = images as [Shelved['images'][number]];
    const layer = image.layers[0]!;
    for (const sweeping of [true, false]) {
      const oracle = new Oracle(library, sweeping);
      oracle.hear(stored(repository, layer.digest));
      assert.equal(oracle.kept.length, sweeping ? 0 : 1);
      oracle.hear(stored(repository, image.digest));
      oracle.hear(stored(repository, layer.digest));
      assert.equal(oracle.kept.length, 2);
    }
  });
});
