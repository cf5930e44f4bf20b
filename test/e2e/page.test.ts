/**
 * The status page in a browser: what it shows is what `stats` says, it keeps itself up to date, and it serves people without
 * scripts, without a mouse, on a slow link and on another machine.
 */
import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hash } from 'bcryptjs';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { startTestDaemon, type TestDaemon, type TestDaemonOptions } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { makeImage } from '../support/images.js';
import { inventData } from '../support/invented-data.js';
import { temporaryDirectory } from '../support/tmp.js';
import { sharedBrowser, skip } from './support/browser.js';
import { Cistern } from './support/cistern.js';
import { command } from './support/command.js';
import { stopPrograms } from './support/processes.js';

const LAYER = 8_000_000;
const IMAGES = 10_000;

after(stopPrograms);

describe('the status page in a browser', { skip }, () => {
  const browser = sharedBrowser();

  async function scene(t: TestContext, options: Partial<TestDaemonOptions> = {}) {
    const registry = await FakeRegistry.start(t);
    const image = makeImage({ seed: 'page', layers: [LAYER] });
    registry.push('team/app', image, 'v1');
    const daemon = await startTestDaemon(t, { upstreams: [{ name: 'up.test', url: registry.url }], ...options });
    return { registry, daemon, image, url: daemon.adminUrl.replace('0.0.0.0', '127.0.0.1') };
  }

  /** With a page's own errors, and whatever it asks of other hosts, as failures at the end of the test. */
  async function open(
    t: TestContext,
    url: string,
    options: BrowserContextOptions = {},
    prepare: (page: Page) => Promise<void> = () => Promise.resolve(),
  ): Promise<Page> {
    const context = await (await browser()).newContext(options);
    const troubles: string[] = [];
    t.after(async () => {
      await context.close();
      assert.deepEqual(troubles, []);
    });
    context.on('request', (request) => {
      if (new URL(request.url()).host !== new URL(url).host) troubles.push(`asks ${request.url()}`);
    });
    const page = await context.newPage();
    page.on('pageerror', (error) => troubles.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of (401|503)|ERR_CONNECTION_REFUSED/.test(message.text()))
        troubles.push(message.text());
    });
    await prepare(page);
    await page.goto(url);
    return page;
  }

  async function pull(daemon: TestDaemon, image: ReturnType<typeof makeImage>): Promise<void> {
    await daemon.manifest('team/app', 'v1');
    for (const { digest } of image.blobs) {
      await daemon.blob('team/app', digest);
      await daemon.stored(digest);
    }
  }

  it('shows what `stats` says, in figures and in plots', async (t) => {
    const { daemon, image, url } = await scene(t);
    for (let times = 0; times < 3; times++) await pull(daemon, image);
    const page = await open(t, url);
    await page.waitForSelector('#saved');
    const address = { CISTERN_ADDRESS: daemon.controlAddress };
    const { stdout } = await command(['stats', '--since', '24h', '-o', 'json'], address);
    const said = JSON.parse(stdout) as Record<string, number>;
    const row = async (name: string) => {
      const cell = page.locator('#saved tr', { hasText: name }).locator('td').first();
      const exact = cell.locator('data');
      return (await exact.count()) > 0 ? Number(await exact.getAttribute('value')) : Number(await cell.textContent());
    };
    for (const [name, field] of [
      ['Requests', 'requests'],
      ['Hit ratio, by requests', 'hitRatio'],
      ['Hit ratio, by bytes', 'byteHitRatio'],
      ['Served', 'bytesServed'],
      ['From upstream, for clients', 'bytesFromUpstream'],
      ['From upstream, by prefetch', 'bytesPrefetched'],
      ['Upstream pulls made', 'upstreamPulls'],
      ['Upstream pulls saved', 'upstreamPullsSaved'],
    ] as const)
      assert.equal(await row(name), said[field], name);
    assert.equal(await row('Bytes saved'), said.bytesServed! - said.bytesFromUpstream!);
    const plotted = await page.evaluate<number[][]>(
      `Array.from(document.querySelectorAll('figure'), ({ plot }) => plot.data.slice(1).map((all) => all.at(-1)))`,
    );
    const percents = [said.hitRatio! * 100, said.byteHitRatio! * 100];
    assert.deepEqual(plotted, [percents, percents]);
    assert.equal(await page.locator('figure canvas').count(), 2);
  });

  it('shows a fill as it comes, with its followers, without being asked again', async (t) => {
    const { registry, daemon, image, url } = await scene(t);
    const [layer] = image.layers;
    await daemon.manifest('team/app', 'v1');
    const gates = [2_000_000, 6_000_000].map((at) => registry.hold({ kind: 'blob', at }));
    const readers = await Promise.all([1, 2].map(() => daemon.openBlob('team/app', layer!.digest)));
    t.after(() => readers.forEach((reader) => reader.abort()));
    await gates[0]!.reached;
    const page = await open(t, url);
    const fill = page.locator('#filling tbody tr');
    assert.match((await fill.locator('th').textContent()) ?? '', /^up\.test\/team\/app@sha256:[0-9a-f]{12}…$/);
    assert.match((await fill.textContent()) ?? '', /2 clients/);
    const shown = async () => Number(await fill.locator('progress').getAttribute('value'));
    const before = await shown();
    assert.ok(before <= 2_000_000, `${before}`);
    gates[0]!.open();
    await gates[1]!.reached;
    await eventually(async () => (await shown()) > before, 'the bar has moved');
    gates[1]!.open();
    await Promise.all(readers.map((reader) => reader.rest()));
    await page.getByText('Nothing is being downloaded.').waitFor();
  });

  it('asks for nothing while nobody looks at it, and says when it cannot be had', async (t) => {
    const { url } = await scene(t);
    const page = await open(t, url, {}, (blank) => blank.clock.install());
    let asked = 0;
    let status = 503;
    await page.route('**/', async (route) => {
      asked++;
      await (status === 200 ? route.continue() : route.fulfill({ status, body: 'no' }));
    });
    const connection = page.locator('#connection');
    const passes = async (ms: number, says: RegExp) => {
      await page.clock.runFor(ms);
      await eventually(async () => says.test((await connection.textContent()) ?? ''), `it says ${says.source}`);
    };
    await passes(3000, /cannot be reached just now/);
    assert.equal(await connection.getAttribute('role'), 'status');
    status = 200;
    await passes(3000, /^$/);
    assert.equal(asked, 2);
    await page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })`);
    await page.clock.runFor(60_000);
    assert.equal(asked, 2);
    const again = page.waitForRequest(`${url}/`);
    await page.evaluate(`delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))`);
    await again;
  });

  it('gives the figures as tables without JavaScript', async (t) => {
    const { daemon, image, url } = await scene(t);
    await pull(daemon, image);
    const page = await open(t, url, { javaScriptEnabled: false });
    const complete = async () =>
      (await page.reload()) && (await page.locator('#hours, #saved, #largest').count()) === 3;
    await eventually(async () => (await complete()) === true, 'everything is looked up');
    assert.match((await page.locator('#hours tbody tr').first().textContent()) ?? '', /\d\d:00.*\d+.*%.*%/);
    assert.match((await page.locator('#saved').textContent()) ?? '', /Hit ratio, by bytes/);
    assert.equal(await page.locator('figure:visible').count(), 0);
    await page.getByRole('link', { name: 'the same as figures' }).click();
    assert.equal(await page.evaluate(`document.querySelector(':target #hours') !== null`), true);
    assert.match((await page.locator('#images').textContent()) ?? '', /up\.test\/team\/app:v1/);
  });

  for (const width of [360, 390]) {
    it(`shows a single busy hour on a phone of ${width} pixels`, async (t) => {
      const { daemon, image, url } = await scene(t);
      for (let times = 0; times < 3; times++) await pull(daemon, image);
      const page = await open(t, url, { viewport: { width, height: 800 } });
      await page.waitForSelector('figure canvas');
      await eventually(async () => (await page.evaluate<number[]>(COLOURED)).every((pixels) => pixels > 0), 'a point');
      assert.equal((await page.evaluate<number[]>(COLOURED)).length, 2);
    });
  }

  it('has a row on a phone begin at the left, whatever is in it', async (t) => {
    const { daemon, image, url } = await scene(t);
    await pull(daemon, image);
    const page = await open(t, url, { viewport: { width: 360, height: 800 } });
    await page.waitForSelector('#largest');
    const aligned = await page.evaluate<string[]>(
      `Array.from(document.querySelectorAll('#upstreams td, #images td, #upkeep td'), (cell) => getComputedStyle(cell).textAlign)`,
    );
    assert.ok(aligned.length > 10);
    assert.deepEqual([...new Set(aligned)], ['left']);
  });

  it('can be read with the keyboard, and by those who do not see it', async (t) => {
    const { daemon, image, url } = await scene(t);
    await pull(daemon, image);
    const page = await open(t, url);
    await page.keyboard.press('Tab');
    const focused = page.locator(':focus');
    assert.equal(await focused.textContent(), 'Skip to the figures');
    assert.ok(((await focused.boundingBox())?.x ?? -1) >= 0, 'the skip link shows itself');
    assert.notEqual(await focused.evaluate(`getComputedStyle(document.activeElement).outlineStyle`), 'none');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(`document.activeElement.id`), 'main');
    await page.keyboard.press('Tab');
    assert.equal(await focused.textContent(), '/metrics');
    for (const table of await page.locator('main section table:not(.u-legend)').all()) {
      assert.ok((await table.locator('caption').count()) === 1);
      assert.equal(await table.locator('thead th:not([scope=col])').count(), 0);
      assert.equal(await table.locator('tbody th:not([scope=row])').count(), 0);
    }
    assert.equal(await page.locator('html[lang=en]').count(), 1);
    assert.equal(await page.locator('h1').count(), 1);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`has enough contrast in ${colorScheme}`, async (t) => {
      const { daemon, image, url } = await scene(t);
      await pull(daemon, image);
      const page = await open(t, url, { colorScheme });
      const poor = await page.evaluate<string[]>(CONTRASTS);
      assert.deepEqual(poor, []);
      const ground = await page.evaluate<string>(`getComputedStyle(document.body).backgroundColor`);
      assert.equal(ground === 'rgb(255, 255, 255)', colorScheme === 'light');
    });
  }

  it('names repositories only after the login, where others can reach it', async (t) => {
    const htpasswdFile = join(await temporaryDirectory(t), 'htpasswd');
    await writeFile(htpasswdFile, `alice:${await hash('right', 4)}\n`);
    const { url } = await scene(t, {
      registry: { auth: { type: 'basic', htpasswdFile } },
      config: { admin: { listen: '0.0.0.0:0' } },
    });
    const stranger = await open(t, url);
    assert.equal(await stranger.getByRole('link', { name: 'log in' }).count(), 1);
    const alice = await open(t, url, { httpCredentials: { username: 'alice', password: 'right' } });
    await alice.getByRole('link', { name: 'log in' }).click();
    await alice.waitForURL(`${url}/`);
    assert.equal(await alice.getByRole('link', { name: 'log in' }).count(), 0);
    const asked = alice.waitForResponse(`${url}/`);
    assert.doesNotMatch(await (await asked).text(), /href="login"/, 'also when it keeps itself up to date');
  });

  it('comes with 10,000 images, says when it was first painted, and is whole soon after', async (t) => {
    const names = ['docker.io', 'ghcr.io', 'quay.io', 'registry.k8s.io'];
    const { url } = await FakeRegistry.start(t);
    const upstreams = names.map((name) => ({ name, url }));
    const daemon = await startTestDaemon(t, { upstreams, storage: { maxSize: '3TiB' } });
    await daemon.stop();
    await inventData(daemon.dataDir, IMAGES);
    await daemon.start();
    const page = await open(t, daemon.adminUrl);
    const painted = () =>
      page.evaluate<number>(
        `new Promise((resolve) => new PerformanceObserver((list) => resolve(list.getEntries()[0].startTime)).observe({ type: 'paint', buffered: true }))`,
      );
    const cold = await painted();
    await page.waitForSelector('#largest', { timeout: 120_000 });
    await page.reload();
    const warm = await painted();
    t.diagnostic(`first paint with ${IMAGES} images: ${Math.round(cold)} ms at first, ${Math.round(warm)} ms then`);
    assert.equal(await page.locator('#largest tbody tr').count(), 10);
    assert.match((await page.locator('#images').textContent()) ?? '', /10,000 images/);
    const first = page.locator('#largest tbody tr').first();
    const name = (await first.locator('th').textContent()) ?? '';
    const { stdout } = await command(['inspect', name, '-o', 'json'], { CISTERN_ADDRESS: daemon.controlAddress });
    const { size } = JSON.parse(stdout) as { readonly size: number };
    assert.equal(await first.locator('data').first().getAttribute('value'), String(size));
  });

  it('shows its figures over a slow link before any script has come', async (t) => {
    const { daemon, image, url } = await scene(t);
    await pull(daemon, image);
    const context = await (await browser()).newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    const network = await context.newCDPSession(page);
    await network.send('Network.enable');
    const slow = { offline: false, latency: 300, downloadThroughput: 8000, uploadThroughput: 8000 };
    await network.send('Network.emulateNetworkConditions', slow);
    await page.goto(url, { waitUntil: 'commit' });
    await page.waitForSelector('#saved >> text=Served');
    assert.equal(await page.evaluate(`typeof uPlot`), 'undefined');
    assert.match((await page.locator('#upstreams').textContent()) ?? '', /up\.test/);
    await page.waitForSelector('figure canvas', { timeout: 60_000 });
  });

  it('comes whole with the built program', async (t) => {
    const dir = await temporaryDirectory(t, 'cistern-page');
    const registry = await FakeRegistry.start(t);
    const cistern = await Cistern.start({
      dir,
      upstreams: [{ name: 'up.test', url: registry.url, allowNetworks: ['127.0.0.0/8'] }],
    });
    t.after(async () => {
      await cistern.stop('SIGKILL');
    });
    const page = await open(t, cistern.adminUrl);
    await page.waitForSelector('figure canvas');
  });
});

/** How many pixels of each plot have a colour of a series: axes and grid are nearly grey. */
const COLOURED = `
  Array.from(document.querySelectorAll('figure canvas'), (canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let coloured = 0;
    for (let at = 0; at < data.length; at += 4) {
      const [r, g, b, alpha] = data.subarray(at, at + 4);
      if (alpha > 200 && Math.max(r, g, b) - Math.min(r, g, b) > 100) coloured++;
    }
    return coloured;
  })`;

/** Texts whose colour is too near to that of the ground, as WCAG 2 counts it: at least 4.5 to 1. */
const CONTRASTS = `
  (() => {
    const parse = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = (rgb) => {
      const [r, g, b] = rgb.slice(0, 3).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
      for (let each = element; each; each = each.parentElement) {
        const colour = parse(getComputedStyle(each).backgroundColor);
        if (colour.length === 3 || colour[3] > 0) return colour;
      }
      return [255, 255, 255];
    };
    const poor = [];
    for (const element of document.querySelectorAll('body *')) {
      if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '')) continue;
      const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 4.5) poor.push(element.tagName + ' ' + element.textContent.trim() + ' ' + ratio.toFixed(2));
    }
    return poor;
  })()`;
