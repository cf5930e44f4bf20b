import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Catalog } from '../../src/catalog/catalog.js';
import { isManifestType } from '../../src/oci/media-types.js';
import { descriptor, memoryCatalog, repository, tag } from '../support/catalogs.js';
import { DOCKER_MANIFEST, OCI_MANIFEST } from '../support/images.js';

const A = repository('library/a');
const ELSEWHERE = repository('team/a', 'ghcr.io');
const asOci = descriptor('image', OCI_MANIFEST);
const asDocker = descriptor('image', DOCKER_MANIFEST);
const asBlob = descriptor('image');

type Record = (catalog: Catalog) => Promise<void>;

const pullA: Record = (catalog) =>
  catalog.recordManifest({
    repository: A,
    descriptor: asOci,
    public: true,
    children: [],
    asked: 'tag',
    tag: tag('v1'),
  });

const elsewhere: { readonly how: string; readonly record: Record; readonly mediaType: string | undefined }[] = [
  {
    how: 'as a blob',
    record: (catalog) => catalog.recordBlob({ repository: ELSEWHERE, descriptor: asBlob, public: true }),
    mediaType: undefined,
  },
  {
    how: 'as a manifest of another type',
    record: (catalog) =>
      catalog.recordManifest({
        repository: ELSEWHERE,
        descriptor: asDocker,
        public: true,
        children: [],
        asked: 'digest',
      }),
    mediaType: DOCKER_MANIFEST,
  },
];

describe('the media type of a manifest', () => {
  for (const { how, record, mediaType } of elsewhere) {
    for (const [order, steps] of [
      ['later', [pullA, record]],
      ['earlier', [record, pullA]],
    ] as const) {
      it(`is each repository's own when the same bytes came elsewhere ${how}, ${order}`, async (t) => {
        const { catalog } = await memoryCatalog(t);
        for (const step of steps) await step(catalog);
        assert.equal((await catalog.link(A, asOci.digest))?.mediaType, OCI_MANIFEST);
        assert.equal((await catalog.tag(A, tag('v1')))?.mediaType, OCI_MANIFEST);
        assert.equal((await catalog.link(ELSEWHERE, asOci.digest))?.mediaType, mediaType);
        // For repositories that are linked by upstream's word alone.
        assert.ok(isManifestType((await catalog.blob(asOci.digest))?.mediaType ?? ''));
      });
    }
  }

  it('outlives a refreshed link, and a download of the same bytes as a blob by the same repository', async (t) => {
    const { catalog, clock } = await memoryCatalog(t);
    await pullA(catalog);
    clock.jump(1000);
    await catalog.grantLink(A, asOci.digest, clock.now());
    await catalog.recordBlob({ repository: A, descriptor: asBlob, public: true });
    assert.deepEqual(await catalog.link(A, asOci.digest), { checkedAt: clock.now(), ran: 0, mediaType: OCI_MANIFEST });
  });
});
