/** Files: configuration, passwords, archives to import, and our own notes after somebody else wrote in them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import fc from 'fast-check';
import { entriesOf } from '../../src/cache/contents/archive-entries.js';
import { digestNamed } from '../../src/cache/contents/archive-layout.js';
import { openSnapshot } from '../../src/catalog/snapshot.js';
import { formatProblem, readConfig } from '../../src/config/load.js';
import { formatDuration, parseDuration, parseSize } from '../../src/config/quantities.js';
import { readSidecar, sidecarPath } from '../../src/content/sidecar.js';
import { isAppError } from '../../src/lib/errors.js';
import { seal, unseal } from '../../src/metadata/checksum.js';
import { basicCredentials } from '../../src/registry/client-auth.js';
import { parseHtpasswd } from '../../src/registry/htpasswd.js';
import { archiveOf } from '../cache/support/archives.js';
import { makeImage } from '../support/images.js';
import { fuzz, jsonOf, orRefused, pieces, RUNS } from './fuzz.js';

const HEX = 'a'.repeat(64);

describe('files', () => {
  let dir: string;
  let archive: Buffer;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'cistern-fuzz-'));
    archive = await archiveOf([makeImage({ seed: 'fuzz', layers: [600] })], { name: 'up.test/a:1' });
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const yaml = pieces(
    'upstreams:',
    '\n',
    '  ',
    '- ',
    'name: ',
    'docker.io',
    'registry:',
    'listen: ',
    '127.0.0.1:5000',
    'storage: {',
    '}',
    'maxSize: ',
    '10GiB',
    '&a ',
    '*a',
    '<<: ',
    '? ',
    '!!js ',
    '|',
    '"',
    "'",
    '\t',
    '#',
    '---',
    '__proto__: ',
    'auth: { type: ',
    'basic',
  );
  fuzz(
    'a configuration is whole, or all its problems are places in it',
    yaml,
    [
      '',
      '\0',
      '---\n---',
      '&a [*a]',
      '{__proto__: {x: 1}}',
      'a: &a [1]\nb: *b',
      '['.repeat(2000),
      '? {a: 1}\n: b',
      '!!binary x',
      '- - - -',
      '"\\ud800"',
      'upstreams: [{ name: docker.io }]',
    ],
    (text) => {
      const file = join(dir, 'config.yaml');
      writeFileSync(file, text);
      const { config, problems } = readConfig({ file, env: {} });
      assert.equal(config === undefined, problems !== undefined);
      for (const problem of problems ?? []) {
        assert.ok((problem.line ?? 1) >= 1 && (problem.column ?? 1) >= 1);
        assert.ok(formatProblem(problem).length > 0);
      }
      assert.equal(Object.hasOwn(Object.prototype, 'x'), false);
    },
    Math.ceil(RUNS / 4) * 4,
  );

  fuzz(
    'a duration reads back, a size is a number of bytes, or both are refused',
    pieces('1', '90', '999999999999', 's', 'm', 'h', 'd', 'w', 'ms', 'GiB', 'MB', 'B', '.', '-', 'e', ' '),
    ['', '0', '1e3', '-1s', '1.5h', '1h1h', '1m1h', '9'.repeat(400) + 's', '10 GiB', 'GiB', '0x10', '１s'],
    (text) => {
      for (const parse of [parseDuration, parseSize]) {
        let value: number;
        try {
          value = parse(text);
        } catch (error) {
          // A plain Error with a message for the user; anything else is a bug.
          assert.equal((error as Error).constructor, Error);
          continue;
        }
        assert.ok(Number.isSafeInteger(value) && value >= 0, String(value));
        if (parse === parseDuration) assert.equal(parseDuration(formatDuration(value)), value);
      }
    },
  );

  fuzz(
    'an htpasswd file has bcrypt hashes only, or is refused; a login is a user and a password, or none',
    pieces('ann', ':', '\n', '#', `$2y$05$${'a'.repeat(53)}`, '{SHA}', '$apr1$', '\r', 'Basic ', 'YTpi', '=', ' '),
    [
      '',
      ':',
      '\0:x',
      `a:$2y$05$${'a'.repeat(53)}`,
      `__proto__:$2y$05$${'a'.repeat(53)}`,
      'Basic OmE=',
      'Basic Og==',
      `Basic ${'A'.repeat(10_000)}`,
      `Basic ${' '.repeat(10_000)}`,
    ],
    (text) => {
      const users = orRefused(() => parseHtpasswd(text, 'f'), 'CONFIG_INVALID');
      for (const [user, hash] of users?.hashes ?? []) assert.ok(user !== '' && /^\$2[aby]\$\d\d\$.{53}$/.test(hash));
      const login = basicCredentials(text);
      if (login) assert.ok(!login.user.includes(':'));
    },
  );

  const changes = fc.record({
    at: fc.nat(20_000),
    bytes: fc.uint8Array({ maxLength: 40 }),
    cut: fc.nat(20_000),
    piece: fc.integer({ min: 1, max: 3000 }),
  });
  fuzz(
    'an archive is files with bounded names, or refused, however it was changed and cut',
    changes,
    [
      { at: 0, bytes: new Uint8Array(0), cut: 20_000, piece: 512 },
      { at: 124, bytes: Buffer.from('77777777777\0'), cut: 20_000, piece: 1 },
      { at: 156, bytes: Buffer.from('2'), cut: 20_000, piece: 100 },
      {
        at: 124,
        bytes: Buffer.from([0x80, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]),
        cut: 20_000,
        piece: 512,
      },
    ],
    async ({ at, bytes, cut, piece }) => {
      const changed = Buffer.from(archive);
      Buffer.from(bytes).copy(changed, Math.min(at, changed.length));
      const whole = changed.subarray(0, cut);
      async function* chunks(): AsyncIterable<Buffer> {
        for (let from = 0; from < whole.length; from += piece)
          yield await Promise.resolve(whole.subarray(from, from + piece));
      }
      try {
        let read = 0;
        for await (const entry of entriesOf(chunks(), new AbortController().signal)) {
          assert.ok(entry.name.length <= 255);
          assert.ok(!/\.\.|\\/.test(digestNamed(entry.name) ?? ''));
          for await (const chunk of entry.bytes) read += chunk.length;
        }
        assert.ok(read <= whole.length);
      } catch (error) {
        if (!isAppError(error, 'ARCHIVE_INVALID')) throw error;
      }
    },
  );

  fuzz(
    'a note beside a spool makes sense, or is none',
    jsonOf('upstream', 'digest', 'size', 'offset', 'prefix', 'keptAt'),
    [
      '',
      '{}',
      'null',
      `{"upstream":"","digest":"sha256:${HEX}","prefix":"sha256:${HEX}","offset":0,"keptAt":0}`,
      `{"upstream":"","digest":"sha256:${HEX}","prefix":"sha512:${HEX}${HEX}","offset":0,"keptAt":0}`,
      `{"upstream":"","digest":"sha256:${HEX}","prefix":"sha256:${HEX}","offset":-1,"keptAt":1e300}`,
    ],
    async (text) => {
      const path = join(dir, 'spool');
      writeFileSync(sidecarPath(path), text);
      const found = await readSidecar(path);
      if (found) assert.ok(Number.isSafeInteger(found.offset) && found.offset >= 0 && found.digest.startsWith('sha'));
    },
  );

  const lines = fc.array(pieces('["tag x","{}"]', '["', '"]', '{"count":', ',"sum":', '}', '0', '1'), { maxLength: 6 });
  fuzz(
    'a snapshot is whole, broken, or absent: never half used',
    lines,
    [
      [],
      [''],
      ['{"count":0,"sum":0}'],
      ['["a","b"]', '{"count":1,"sum":0}'],
      ['["a","b"]'],
      ['{"count":0,"sum":0}', '["a","b"]'],
    ],
    async (each) => {
      const file = join(dir, 'snapshot');
      writeFileSync(file, each.join('\n'));
      const found = await openSnapshot(file);
      if (found === 'broken') return;
      assert.ok(found);
      for await (const [key, value] of found) assert.ok(typeof key === 'string' && typeof value === 'string');
    },
  );

  const records = fc.record({
    key: fc.string({ unit: 'binary' }),
    value: fc.string({ unit: 'binary' }),
    at: fc.nat(),
    bit: fc.nat(6),
  });
  fuzz(
    'a record is what was written under its key, or damage',
    records,
    [
      { key: '', value: '', at: 0, bit: 0 },
      { key: 'a', value: '\0', at: 8, bit: 0 },
      { key: '\0\0', value: '', at: 0, bit: 5 },
    ],
    ({ key, value, at, bit }) => {
      const sealed = seal(key, value);
      assert.equal(unseal(key, sealed), value);
      const place = at % sealed.length;
      const flipped =
        sealed.slice(0, place) + String.fromCharCode(sealed.charCodeAt(place) ^ (1 << bit)) + sealed.slice(place + 1);
      assert.equal(
        orRefused(() => unseal(key, flipped), 'INDEX_CORRUPT'),
        undefined,
      );
      assert.equal(
        orRefused(() => unseal(`${key}x`, sealed), 'INDEX_CORRUPT'),
        undefined,
      );
    },
  );
});
