/** Patterns of tags beside plain references. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AppError } from '../../src/lib/errors.js';
import { formatImagePattern, isTagPattern, parseImagePattern } from '../../src/oci/image-pattern.js';

describe('an image pattern', () => {
  for (const [text, full] of [
    ['node:22*', 'docker.io/library/node:22*'],
    ['localhost:5000/a/b:{1,2}.[0-9]?', 'localhost:5000/a/b:{1,2}.[0-9]?'],
    ['ghcr.io/a/b:*', 'ghcr.io/a/b:*'],
  ] as const) {
    it(`${text} is one of tags, and reads back`, () => {
      const pattern = parseImagePattern(text);
      assert.equal(isTagPattern(pattern), true);
      assert.equal(formatImagePattern(pattern), full);
      assert.deepEqual(parseImagePattern(full), pattern);
    });
  }

  for (const text of ['node', 'node:22', `node@sha256:${'a'.repeat(64)}`, 'localhost:5000/a']) {
    it(`${text} is a plain reference`, () => {
      assert.equal(isTagPattern(parseImagePattern(text)), false);
    });
  }

  for (const [text, code] of [
    ['docker.io/library/*', 'NAME_INVALID'],
    ['*:22', 'NAME_INVALID'],
    ['node:22*/x', 'NAME_INVALID'],
    [`node:*${'x'.repeat(300)}`, 'TAG_INVALID'],
    ['node:22* ', 'TAG_INVALID'],
    [`node:2*@sha256:${'a'.repeat(64)}`, 'TAG_INVALID'],
  ] as const) {
    it(`${JSON.stringify(text.slice(0, 40))} is ${code}`, () => {
      assert.throws(
        () => parseImagePattern(text),
        (error) => error instanceof AppError && error.code === code,
      );
    });
  }
});
