import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostPlatform, meansPlatform, requirePlatform } from '../../../src/cache/prefetch/platforms.js';
import { isAppError } from '../../../src/lib/errors.js';

describe('a platform', () => {
  const means = (wanted: string, os: string, architecture: string, variant?: string) =>
    meansPlatform(wanted, { os, architecture, ...(variant !== undefined && { variant }) });

  it('means every variant unless it names one', () => {
    assert.ok(means('linux/arm', 'linux', 'arm', 'v7') && means('linux/arm', 'linux', 'arm', 'v6'));
    assert.ok(means('linux/arm/v6', 'linux', 'arm', 'v6') && !means('linux/arm/v6', 'linux', 'arm', 'v7'));
    assert.ok(!means('linux/arm64', 'linux', 'arm') && !means('windows/amd64', 'linux', 'amd64'));
  });

  it('takes the variant that an architecture has without saying so for the same', () => {
    assert.ok(means('linux/arm64/v8', 'linux', 'arm64') && means('linux/arm64', 'linux', 'arm64', 'v8'));
    assert.ok(means('linux/amd64/v1', 'linux', 'amd64') && !means('linux/amd64/v3', 'linux', 'amd64'));
  });

  it('is this machine’s in the words of images', () => {
    assert.equal(hostPlatform('linux', 'x64'), 'linux/amd64');
    assert.equal(hostPlatform('darwin', 'arm64'), 'linux/arm64');
    assert.equal(hostPlatform('win32', 'x64'), 'windows/amd64');
  });

  it('has to be written in full', () => {
    for (const text of ['linux', 'linux/', 'Linux/amd64', 'linux/amd64/v1/x', '']) {
      assert.throws(
        () => requirePlatform(text),
        (error) => isAppError(error, 'REQUEST_INVALID'),
      );
    }
    requirePlatform('linux/arm/v7');
  });
});
