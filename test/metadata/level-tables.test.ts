import assert from 'node:assert/strict';
import { readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import { openLevelDatabase } from '../../src/metadata/level-database.js';
import { isSound, unsoundTables } from '../../src/metadata/level-tables.js';
import { noise } from '../support/images.js';
import { temporaryDirectory } from '../support/tmp.js';

const FOOTER = 48;
const MAGIC = 8;

/** A table with so many records, as LevelDB writes it. `value` decides how well its blocks can be compressed. */
async function table(t: TestContext, records: number, value: (n: number) => string) {
  const dir = await temporaryDirectory(t);
  const database = await openLevelDatabase(dir, { createIfMissing: true });
  const key = (n: number) => `some prefix that all keys share ${String(n).padStart(8, '0')}`;
  const operations = Array.from({ length: records }, (_, n) => ({
    type: 'put' as const,
    key: key(n),
    value: value(n),
  }));
  await database.batch(operations, { sync: false });
  await database.emptyLog();
  await database.close();
  const name = (await readdir(dir)).find((each) => each.endsWith('.ldb'))!;
  return { dir, name, bytes: await readFile(join(dir, name)) };
}

const random = (n: number) => noise(`value ${n}`, 60).toString('base64');
const alike = (n: number) => 'alike'.repeat((n % 9) + 10);

const flipped = (bytes: Buffer, bit: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
};

/** Whether the bit means nothing: it is of the padding behind the two handles, or makes the last of them run on into it. */
function meansNothing(bytes: Buffer, bit: number): boolean {
  const magic = bytes.length - MAGIC;
  let last = magic - 1;
  while (bytes[last] === 0) last--;
  const at = bit >> 3;
  return (at > last && at < magic) || (at === last && (bit & 7) === 7);
}

describe('a table of the index', () => {
  it('is sound as LevelDB wrote it, however much of it is compressed', async (t) => {
    for (const [records, value] of [
      [1, random],
      [120, random],
      [120, alike],
      [20_000, random],
      [20_000, alike],
    ] as const) {
      const { dir, bytes } = await table(t, records, value);
      assert.ok(isSound(bytes));
      assert.deepEqual(await unsoundTables(dir), []);
    }
  });

  it('is not sound once any of its bits has flipped', async (t) => {
    for (const value of [random, alike]) {
      const { bytes } = await table(t, 40, value);
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        assert.equal(isSound(flipped(bytes, bit)), meansNothing(bytes, bit), `bit ${bit} of ${bytes.length} bytes`);
      }
    }
  });

  it('is not sound once a bit has flipped in a large one, whose own index is compressed', async (t) => {
    const { bytes } = await table(t, 20_000, random);
    const bits = (bytes.length - FOOTER) * 8;
    for (let bit = 0; bit < bits; bit += Math.ceil(bits / 2000)) assert.equal(isSound(flipped(bytes, bit)), false);
    for (let bit = bits - 2000; bit < bits; bit++) assert.equal(isSound(flipped(bytes, bit)), false);
  });

  it('is not sound when it was cut, wherever', async (t) => {
    const { bytes } = await table(t, 40, random);
    for (let length = 0; length < bytes.length; length++) assert.equal(isSound(bytes.subarray(0, length)), false);
  });

  it('is not sound when what matches its checksum makes no sense', async (t) => {
    const dir = await temporaryDirectory(t);
    // A block of no bytes, which has to tell where others begin; and one that says of itself that it is compressed.
    for (const compression of [0, 1]) {
      const block = Buffer.from([compression]);
      const trailer = Buffer.alloc(4);
      const sum = crc32c(block);
      trailer.writeUInt32LE((((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0);
      const magic = Buffer.from('57fb808b247547db', 'hex');
      await writeFile(join(dir, '000005.ldb'), Buffer.concat([block, trailer, Buffer.alloc(FOOTER - MAGIC), magic]));
      assert.deepEqual(await unsoundTables(dir), ['000005.ldb']);
    }
  });

  it('is not sound when the disk cannot give it back', async (t) => {
    const dir = await temporaryDirectory(t);
    // The first page of a process cannot be read: EIO.
    await symlink('/proc/self/mem', join(dir, '000005.ldb'));
    assert.deepEqual(await unsoundTables(dir), ['000005.ldb']);
  });

  it('is found by its name among those of a directory', async (t) => {
    const { dir, name } = await table(t, 40, random);
    await writeFile(join(dir, '000999.sst'), 'written in part');
    await writeFile(join(dir, 'LOG'), 'no table');
    assert.deepEqual(await unsoundTables(dir), ['000999.sst']);
    await truncate(join(dir, name), 100);
    assert.deepEqual([...(await unsoundTables(dir))].sort(), [name, '000999.sst'].sort());
  });
});
