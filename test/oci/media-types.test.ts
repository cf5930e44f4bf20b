import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  DOCKER_LIST,
  isForeignLayerType,
  isIndexType,
  isManifestType,
  MANIFEST_ACCEPT,
  mediaTypeOf,
  OCI_IMAGE,
  OCI_INDEX,
} from '../../src/oci/media-types.js';

describe('media types', () => {
  it('are all asked for, schema 1 and the unknown as the last resort', () => {
    const accepted = MANIFEST_ACCEPT.split(', ');
    for (const type of accepted) assert.ok(isManifestType(mediaTypeOf(type)) || type.startsWith('*/*'), type);
    assert.equal(accepted.filter((type) => !type.includes(';q=')).length, 5);
  });

  it('tell an index from an image', () => {
    assert.ok(isIndexType(OCI_INDEX) && isIndexType(DOCKER_LIST) && !isIndexType(OCI_IMAGE));
  });

  it('know layers that are not in the registry', () => {
    assert.ok(isForeignLayerType('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'));
    assert.ok(isForeignLayerType('application/vnd.oci.image.layer.nondistributable.v1.tar'));
    assert.ok(!isForeignLayerType('application/vnd.oci.image.layer.v1.tar+zstd'));
  });

  it('lose their parameters', () => {
    assert.equal(mediaTypeOf(`${OCI_IMAGE} ; charset=utf-8`), OCI_IMAGE);
    assert.equal(mediaTypeOf(OCI_IMAGE), OCI_IMAGE);
    assert.equal(mediaTypeOf(''), '');
  });
});
