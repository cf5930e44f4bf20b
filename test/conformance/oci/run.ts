/**
 * Runs the OCI conformance suite against the built daemon, in front of two upstreams: Debian's docker-registry, which has no
 * referrers API and so keeps them under a tag, and a registry with that API. Each is asked cold, warm, and switched off; then
 * nobody can know what it does not have, so what is missing, and the lists, are left out.
 *
 *   scripts/conformance
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { Cistern } from '../../e2e/support/cistern.js';
import { DebianRegistry } from '../../e2e/support/debian-registry.js';
import { inScratch } from '../../e2e/support/images.js';
import { FakeRegistry } from '../../support/fake-registry.js';
import { content, descriptorOf, type Image, makeImage, OCI_INDEX, referrersTag } from '../../support/images.js';
import { pushTo } from './push.js';

const NAME = 'registry.test';
const REPOSITORY = 'conformance/image';
const TAGS = ['test0', 'test1', 'test2', 'test3'];
/** The suite looks for this many of its first artifact type and of all types. */
const ARTIFACT_TYPES = [
  'application/vnd.nhl.peanut.butter.bagel',
  'application/vnd.nhl.peanut.butter.bagel',
  'application/vnd.nba.strawberry.jam.croissant',
  'application/vnd.nba.strawberry.jam.croissant',
  'application/vnd.food.stand',
];

interface Upstream {
  readonly url: string;
  readonly switchOff: () => Promise<void>;
}

interface Round {
  readonly title: string;
  /** Fewer that passed mean that the suite did not test what it should. */
  readonly least: number;
  readonly off?: true;
}

const ROUNDS: readonly Round[] = [
  { title: 'cold', least: 21 },
  { title: 'warm', least: 21 },
  { title: 'upstream off', least: 10, off: true },
];

const [suite = ''] = process.argv.slice(2);
const image = makeImage({ seed: 'conformance' });
const referrers = ARTIFACT_TYPES.map((artifactType, i) =>
  makeImage({ seed: `referrer ${i}`, artifactType, subject: image }),
);

const UPSTREAMS: Readonly<Record<string, (dir: string, ends: (() => Promise<void>)[]) => Promise<Upstream>>> = {
  'docker-registry, referrers under a tag': async (dir) => {
    const registry = await DebianRegistry.start({ dir: join(dir, 'registry') });
    for (const tag of TAGS) await pushTo(registry.url, REPOSITORY, image, tag);
    for (const referrer of referrers) await pushTo(registry.url, REPOSITORY, referrer, referrer.digest);
    await pushTo(registry.url, REPOSITORY, listOf(referrers), referrersTag(image.digest));
    return { url: registry.url, switchOff: () => registry.switchOff() };
  },
  'a registry with the referrers API': async (_, ends) => {
    const registry = await FakeRegistry.start({ after: (end) => void ends.push(async () => end()) });
    for (const tag of TAGS) registry.push(REPOSITORY, image, tag);
    for (const referrer of referrers) registry.push(REPOSITORY, referrer);
    return { url: registry.url, switchOff: () => registry.down() };
  },
};

function listOf(images: readonly Image[]) {
  const manifests = images.map((each, i) => ({ ...descriptorOf(each), artifactType: ARTIFACT_TYPES[i] }));
  return content(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })), OCI_INDEX);
}

interface Result {
  readonly passed: number;
  readonly failed: number;
  readonly output: string;
}

function runSuite(url: string, { off }: Round): Promise<Result> {
  const env = {
    ...process.env,
    OCI_ROOT_URL: url,
    OCI_NAMESPACE: `${NAME}/${REPOSITORY}`,
    OCI_TEST_PULL: '1',
    ...(!off && { OCI_TEST_CONTENT_DISCOVERY: '1' }),
    OCI_TAG_NAME: TAGS[0],
    OCI_MANIFEST_DIGEST: image.digest,
    OCI_BLOB_DIGEST: image.config.digest,
    OCI_TAG_LIST: TAGS.join(','),
    OCI_REPORT_DIR: 'none',
  };
  const args = ['-ginkgo.no-color', ...(off ? ['-ginkgo.skip=nonexistent'] : [])];
  return new Promise((resolve, reject) => {
    execFile(suite, args, { env, timeout: 60_000, maxBuffer: 1 << 26 }, (_, stdout, stderr) => {
      const counts = /(\d+) Passed \| (\d+) Failed/.exec(stdout);
      if (!counts) reject(new Error(`the suite did not come to its end:\n${stdout}${stderr}`));
      else resolve({ passed: Number(counts[1]), failed: Number(counts[2]), output: stdout });
    });
  });
}

const total = { passed: 0, failed: 0 };
for (const [title, start] of Object.entries(UPSTREAMS)) {
  const ends: (() => Promise<void>)[] = [];
  await inScratch(async (dir) => {
    const upstream = await start(dir, ends);
    const entry = { name: NAME, url: upstream.url, allowNetworks: ['127.0.0.0/8'], tagTtl: '1h' };
    const cistern = await Cistern.start({ dir, upstreams: [entry] });
    for (const round of ROUNDS) {
      if (round.off) await upstream.switchOff();
      const { passed, failed, output } = await runSuite(cistern.url, round);
      const short = passed < round.least;
      if (failed > 0 || short) process.stdout.write(`${output}\n`);
      process.stdout.write(`${title}, ${round.title}: ${passed} passed, ${failed} failed\n`);
      total.passed += passed;
      total.failed += failed + (short ? 1 : 0);
    }
  });
  for (const end of ends) await end();
}
process.stdout.write(`OCI conformance: ${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
