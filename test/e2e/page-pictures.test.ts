/**
 * What the status page looks like: with WRITE_DOCS=1 it writes the picture of the README, from a daemon with invented data.
 * In any case it looks whether the page fits a phone, and is readable in light and in dark.
 */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startTestDaemon } from '../support/daemon.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { makeImage } from '../support/images.js';
import { inventData } from '../support/invented-data.js';
import { suiteScope } from '../support/tmp.js';
import { sharedBrowser, skip } from './support/browser.js';

const PICTURE = join(import.meta.dirname, '../../docs/status-page.png');
const MOST_BYTES = 150 * 1024;

describe('pictures of the status page', { skip }, () => {
  const scope = suiteScope();
  const browser = sharedBrowser();
  const scene = (async () => {
    const registry = await FakeRegistry.start(scope);
    const image = makeImage({ seed: 'picture', layers: [60_000_000] });
    registry.push('library/node', image, '22');
    const names = ['docker.io', 'ghcr.io', 'quay.io', 'registry.k8s.io'];
    const daemon = await startTestDaemon(scope, {
      upstreams: names.map((name) => ({ name, url: registry.url, responseTimeout: '10m' })),
      storage: { maxSize: '240GiB' },
    });
    await daemon.stop();
    await inventData(daemon.dataDir, 1200);
    await daemon.start();
    const limits = { 'ratelimit-limit': '200;w=21600', 'ratelimit-remaining': '163;w=21600' };
    registry.fail({ kind: 'manifest' }, { headers: limits });
    await daemon.manifest('library/node', '22');
    const gate = registry.hold({ kind: 'blob', at: 41_000_000 });
    const reader = await daemon.openBlob('library/node', image.layers[0]!.digest);
    scope.after(() => reader.abort());
    await gate.reached;
    return daemon;
  })();

  for (const [name, colorScheme, width] of [
    ['light', 'light', 1100],
    ['dark', 'dark', 1100],
    ['phone', 'light', 360],
  ] as const) {
    it(`fits a width of ${width} in ${colorScheme}`, async (t) => {
      const daemon = await scene;
      const context = await (await browser()).newContext({ colorScheme, viewport: { width, height: 900 } });
      t.after(() => context.close());
      const page = await context.newPage();
      await page.goto(daemon.adminUrl);
      await page.waitForSelector('#largest', { timeout: 60_000 });
      await page.waitForSelector('figure canvas');
      if (process.env.PICTURES !== undefined)
        await page.screenshot({ path: join(process.env.PICTURES, `${name}.png`), fullPage: true });
      if (process.env.WRITE_DOCS !== undefined && name === 'light') await page.screenshot({ path: PICTURE });
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width);
    });
  }

  it('is small in the README', async () => {
    assert.ok((await stat(PICTURE)).size < MOST_BYTES);
  });
});
