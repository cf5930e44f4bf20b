/** Manifests come from upstreams, so most of this is about manifests that no honest tool would write. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../../src/lib/errors.js';
import { digestOf } from '../../src/oci/digest.js';
import {
  MAX_MANIFEST_BYTES,
  MAX_MANIFEST_CHILDREN,
  parseManifest,
  sniffManifest,
  type ParsedManifest,
} from '../../src/oci/manifest.js';
import {
  DOCKER_IMAGE,
  DOCKER_LIST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  isManifestType,
  OCI_ARTIFACT,
  OCI_IMAGE,
  OCI_INDEX,
} from '../../src/oci/media-types.js';

const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const entry = (name: string, mediaType = LAYER) => ({
  mediaType,
  digest: digestOf(Buffer.from(name)),
  size: name.length,
});
const config = entry('config', 'application/vnd.oci.image.config.v1+json');
const image = { schemaVersion: 2, mediaType: OCI_IMAGE, config, layers: [entry('one'), entry('two')] };

function rejects(value: unknown, mediaType: string, why: RegExp): void {
  const bytes = Buffer.isBuffer(value) ? value : json(value);
  assert.throws(
    () => parseManifest(bytes, mediaType),
    (error: unknown) => error instanceof AppError && error.code === 'UPSTREAM_INVALID' && why.test(error.message),
  );
}

const digests = (parsed: ParsedManifest) => parsed.children.map((child) => child.digest);

describe('parseManifest on an image', () => {
  it('finds config and layers', () => {
    const parsed = parseManifest(json(image), OCI_IMAGE);
    assert.equal(parsed.kind, 'image');
    assert.deepEqual(parsed.config, config);
    assert.deepEqual(parsed.layers, image.layers);
    assert.deepEqual(parsed.children, [config, ...image.layers]);
    assert.deepEqual(parsed.manifests, []);
    assert.equal(parsed.subject, undefined);
  });

  it('reads docker schema 2 the same way', () => {
    assert.equal(parseManifest(json({ ...image, mediaType: DOCKER_IMAGE }), DOCKER_IMAGE).children.length, 3);
  });

  it('takes a body without mediaType, and a Content-Type with parameters', () => {
    const silent = { schemaVersion: 2, config, layers: image.layers };
    assert.equal(parseManifest(json(silent), `${OCI_IMAGE}; charset=utf-8`).mediaType, OCI_IMAGE);
  });

  it('names a child once, and foreign layers never', () => {
    const foreign = entry('foreign', 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip');
    const kept = entry('kept', 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip');
    const layers = [entry('one'), foreign, entry('one'), kept, { ...config, mediaType: LAYER }];
    const parsed = parseManifest(json({ ...image, layers }), OCI_IMAGE);
    assert.deepEqual(digests(parsed), [config.digest, entry('one').digest]);
    assert.equal(parsed.layers.length, 5);
  });

  it('has its subject, artifact type and annotations apart from the children', () => {
    const body = {
      ...image,
      subject: entry('subject', OCI_IMAGE),
      artifactType: 'a/b',
      annotations: { k: 'v', bad: 1 },
    };
    const parsed = parseManifest(json(body), OCI_IMAGE);
    assert.equal(parsed.subject, entry('subject').digest);
    assert.ok(!digests(parsed).includes(entry('subject').digest));
    assert.equal(parsed.artifactType, 'a/b');
    assert.deepEqual(parsed.annotations, { k: 'v' });
  });

  it('takes null for an absent field, as Go writes it', () => {
    const parsed = parseManifest(
      json({ ...image, layers: null, manifests: null, subject: null, annotations: null }),
      OCI_IMAGE,
    );
    assert.deepEqual(parsed.children, [config]);
  });
});

describe('parseManifest on an index', () => {
  const arm = { ...entry('arm', OCI_IMAGE), platform: { os: 'linux', architecture: 'arm', variant: 'v7' } };
  const windows = {
    ...entry('windows', OCI_IMAGE),
    platform: { os: 'windows', architecture: 'amd64', 'os.version': '10.0.1' },
    annotations: { a: 'b' },
  };

  it('lists manifests with their platforms', () => {
    const parsed = parseManifest(
      json({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [arm, windows] }),
      OCI_INDEX,
    );
    assert.equal(parsed.kind, 'index');
    assert.deepEqual(
      parsed.manifests.map(({ platform, annotations }) => ({ platform, annotations })),
      [
        { platform: { os: 'linux', architecture: 'arm', variant: 'v7' }, annotations: undefined },
        { platform: { os: 'windows', architecture: 'amd64', osVersion: '10.0.1' }, annotations: { a: 'b' } },
      ],
    );
    assert.deepEqual(parsed.children, [entry('arm', OCI_IMAGE), entry('windows', OCI_IMAGE)]);
  });

  it('may be empty, and may nest', () => {
    assert.deepEqual(parseManifest(json({ manifests: [] }), OCI_INDEX).children, []);
    assert.equal(parseManifest(json({ manifests: [entry('inner', OCI_INDEX)] }), DOCKER_LIST).children.length, 1);
  });
});

describe('parseManifest on other kinds', () => {
  it('passes schema 1 through without children', () => {
    for (const type of [DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED]) {
      const parsed = parseManifest(json({ schemaVersion: 1, fsLayers: [{ blobSum: 'x' }] }), type);
      assert.equal(parsed.kind, 'schema1');
      assert.deepEqual(parsed.children, []);
    }
  });

  it('finds the blobs of an OCI artifact manifest', () => {
    const parsed = parseManifest(
      json({ mediaType: OCI_ARTIFACT, blobs: [entry('blob')], subject: entry('s') }),
      OCI_ARTIFACT,
    );
    assert.equal(parsed.kind, 'other');
    assert.deepEqual(digests(parsed), [entry('blob').digest]);
    assert.equal(parsed.subject, entry('s').digest);
  });

  it('takes an unknown type for what it is', () => {
    assert.equal(parseManifest(json({}), 'application/vnd.example+json').kind, 'other');
  });
});

describe('parseManifest rejects', () => {
  it('what is not a JSON object', () => {
    for (const text of ['', '<html></html>', '[]', '"x"', 'null', '1', '{"a":', '\ufeff{}']) {
      rejects(Buffer.from(text), OCI_IMAGE, /JSON/);
    }
    rejects(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), OCI_IMAGE, /not JSON/);
  });

  it('a body that says it is something else than its Content-Type (CVE-2021-41190)', () => {
    rejects(image, OCI_INDEX, /came as/);
    rejects({ ...image, mediaType: 7 }, OCI_IMAGE, /came as/);
    rejects({ manifests: [], mediaType: OCI_INDEX }, DOCKER_LIST, /came as/);
  });

  it('a body that can be read in two ways', () => {
    rejects({ ...image, manifests: [] }, OCI_IMAGE, /together/);
    rejects({ config, manifests: [] }, OCI_INDEX, /together/);
    rejects({ manifests: [], layers: [] }, 'application/json', /together/);
    rejects({ manifests: [] }, OCI_IMAGE, /came as an image/);
    rejects({ layers: [] }, OCI_INDEX, /came as an index/);
    rejects({ fsLayers: [] }, DOCKER_LIST, /came as an index/);
  });

  it('descriptors that are none', () => {
    const broken = (change: object) => ({ ...image, layers: [{ ...entry('one'), ...change }] });
    for (const digest of [undefined, 1, '', 'sha256:abc', `sha256:${'A'.repeat(64)}`, `md5:${'a'.repeat(32)}`, {}]) {
      rejects(broken({ digest }), OCI_IMAGE, /layers\[0\] has the digest/);
    }
    for (const size of [undefined, null, -1, 1.5, '1', 2 ** 53]) {
      rejects(broken({ size }), OCI_IMAGE, /layers\[0\] has the size/);
    }
    rejects({ ...image, layers: {} }, OCI_IMAGE, /not a list/);
    rejects({ ...image, layers: [null] }, OCI_IMAGE, /not a descriptor/);
    rejects({ ...image, config: [] }, OCI_IMAGE, /config is not a descriptor/);
    rejects({ ...image, subject: 'x' }, OCI_IMAGE, /subject is not a descriptor/);
  });

  it('more than 4 MiB, more than 10,000 children and more than 32 levels', () => {
    const padded = (length: number) => Buffer.concat([Buffer.from('{}'), Buffer.alloc(length - 2, ' ')]);
    assert.equal(parseManifest(padded(MAX_MANIFEST_BYTES), OCI_INDEX).kind, 'index');
    rejects(padded(MAX_MANIFEST_BYTES + 1), OCI_INDEX, /bytes/);

    const many = (length: number) => ({ manifests: Array.from({ length }, () => entry('same')) });
    assert.equal(parseManifest(json(many(MAX_MANIFEST_CHILDREN)), OCI_INDEX).children.length, 1);
    rejects(many(MAX_MANIFEST_CHILDREN + 1), OCI_INDEX, /more than/);

    const nested = (levels: number) => Buffer.from(`{"x":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`);
    assert.equal(parseManifest(nested(32), OCI_IMAGE).kind, 'image');
    rejects(nested(33), OCI_IMAGE, /levels/);
    rejects(Buffer.from('['.repeat(1_000_000)), OCI_IMAGE, /levels/);
  });

  it('no brackets inside strings', () => {
    assert.equal(parseManifest(json({ annotations: { a: '[{'.repeat(100), '"\\[[': '"[' } }), OCI_IMAGE).kind, 'image');
    assert.equal(parseManifest(json({ annotations: { a: `"${'['.repeat(100)}` } }), OCI_IMAGE).kind, 'image');
  });
});

describe('parseManifest on anything', () => {
  const types = fc.constantFrom(
    OCI_IMAGE,
    OCI_INDEX,
    DOCKER_IMAGE,
    DOCKER_LIST,
    DOCKER_SCHEMA1,
    OCI_ARTIFACT,
    'x/y',
    '',
  );
  const onlyAppErrors = (bytes: Buffer, type: string): ParsedManifest | undefined => {
    try {
      return parseManifest(bytes, type);
    } catch (error) {
      assert.ok(error instanceof AppError && error.code === 'UPSTREAM_INVALID', String(error));
      return undefined;
    }
  };

  it('throws nothing but UPSTREAM_INVALID, on random bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        types,
        (bytes, type) => void onlyAppErrors(Buffer.from(bytes), type),
      ),
    );
  });

  it('throws nothing but UPSTREAM_INVALID, on random JSON with the keys of a manifest', () => {
    const descriptor = fc.record(
      { mediaType: fc.jsonValue(), digest: fc.oneof(fc.constant(config.digest), fc.jsonValue()), size: fc.jsonValue() },
      { requiredKeys: [] },
    );
    const value = fc.oneof(fc.jsonValue(), descriptor, fc.array(descriptor, { maxLength: 3 }), types);
    const keys = [
      'mediaType',
      'manifests',
      'layers',
      'config',
      'blobs',
      'subject',
      'annotations',
      'artifactType',
    ] as const;
    const body = fc.dictionary(fc.constantFrom(...keys), value);
    fc.assert(
      fc.property(body, types, (value, type) => void onlyAppErrors(json(value), type)),
      { numRuns: 1000 },
    );
  });

  it('is whole after a byte of a good manifest was changed, or fails', () => {
    const good = json(image);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
        const bytes = Buffer.from(good);
        bytes[at] = byte;
        const parsed = onlyAppErrors(bytes, OCI_IMAGE);
        if (parsed) for (const { size } of parsed.children) assert.ok(Number.isSafeInteger(size) && size >= 0);
      }),
    );
  });

  it('never changes a prototype', () => {
    const text = JSON.stringify({
      ...image,
      annotations: { X: 'y', constructor: 'c' },
      subject: { ...entry('s'), X: { polluted: true } },
      X: { polluted: true, manifests: [] },
      constructor: { prototype: { polluted: true } },
    }).replaceAll('"X"', '"__proto__"');
    const parsed = parseManifest(Buffer.from(text), OCI_IMAGE);
    assert.equal(parsed.kind, 'image');
    assert.ok(Object.hasOwn(parsed.annotations!, '__proto__'));
    assert.equal(Object.getPrototypeOf(parsed.annotations), Object.prototype);
    assert.equal(Reflect.get({}, 'polluted'), undefined);
    const known = Object.getOwnPropertyNames(Object.prototype);
    fc.assert(
      fc.property(fc.jsonValue(), types, (value, type) => {
        onlyAppErrors(Buffer.from(JSON.stringify({ a: value }).replaceAll('"a"', '"__proto__"')), type);
        assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), known);
      }),
    );
  });
});

describe('sniffManifest', () => {
  it('believes a body that names a manifest type', () => {
    assert.equal(sniffManifest(json(image)), OCI_IMAGE);
    assert.equal(sniffManifest(json({ mediaType: DOCKER_LIST, manifests: [] })), DOCKER_LIST);
  });

  it('knows OCI manifests without mediaType, and both kinds of schema 1', () => {
    assert.equal(sniffManifest(json({ schemaVersion: 2, config, layers: [] })), OCI_IMAGE);
    assert.equal(sniffManifest(json({ schemaVersion: 2, manifests: [] })), OCI_INDEX);
    assert.equal(sniffManifest(json({ schemaVersion: 1, fsLayers: [] })), DOCKER_SCHEMA1);
    assert.equal(sniffManifest(json({ schemaVersion: 1, fsLayers: [], signatures: [] })), DOCKER_SCHEMA1_SIGNED);
  });

  it('sees no manifest in image configs, attestations, other JSON and binary', () => {
    assert.equal(sniffManifest(json({ architecture: 'amd64', config: {}, rootfs: { type: 'layers' } })), undefined);
    assert.equal(sniffManifest(json({ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json' })), undefined);
    assert.equal(sniffManifest(json({ mediaType: 1, schemaVersion: 2, manifests: [] })), undefined);
    assert.equal(sniffManifest(json([])), undefined);
    assert.equal(sniffManifest(Buffer.from('{"schemaVersion":2')), undefined);
    assert.equal(sniffManifest(Buffer.alloc(0)), undefined);
    assert.equal(sniffManifest(Buffer.alloc(100)), undefined);
  });

  it('gives a manifest type or undefined for anything that begins with a brace', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        const type = sniffManifest(Buffer.from(`{${text}`));
        assert.ok(type === undefined || isManifestType(type));
      }),
    );
  });
});
