import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ChunkBuffer } from '../../src/content/chunk-buffer.js';
import { ReadBudget } from '../../src/content/read-budget.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const WHOLE = 1024 * MIB;

const readers = (budget: ReadBudget, count: number) => Array.from({ length: count }, () => new ChunkBuffer(budget));
const read = (buffers: readonly ChunkBuffer[], chunks: number) => {
  for (let round = 0; round < chunks; round++) for (const buffer of buffers) buffer.next(WHOLE);
};

describe('the memory of readers', () => {
  it('keeps what all of them hold within the budget, though those who came first stall with all they have', () => {
    const budget = new ReadBudget({ memory: 32 * MIB });
    const early = readers(budget, 160);
    read(early, 10);
    const late = readers(budget, 40);
    read(late, 10);
    assert.ok(budget.held <= 32 * MIB, `${budget.held} bytes`);
    for (const buffer of late) assert.ok(buffer.next(WHOLE).length >= 16 * KIB, 'and who reads goes on reading');
  });

  it('passes the budget by no more than 16 KiB for each reader, when even that does not fit', () => {
    const budget = new ReadBudget({ memory: MIB });
    const many = readers(budget, 200);
    read(many, 10);
    assert.ok(budget.held <= MIB + 200 * 16 * KIB, `${budget.held} bytes`);
    for (const buffer of many) assert.ok(buffer.next(WHOLE).length >= 16 * KIB);
  });

  it('begins small and soon gives a reader that gets on the largest chunks', () => {
    const buffer = new ChunkBuffer(new ReadBudget());
    const lengths = Array.from({ length: 6 }, () => buffer.next(WHOLE).length / KIB);
    assert.deepEqual(lengths, [64, 128, 256, 512, 1024, 1024]);
  });

  it('has room for 32 readers of stored blobs, each with two buffers of at least 512 KiB', () => {
    const buffers = readers(new ReadBudget(), 2 * 32);
    read(buffers, 10);
    for (const buffer of buffers) assert.ok(buffer.next(WHOLE).length >= 512 * KIB);
  });

  it('takes back from those that read what those that come need, and returns it when they leave', () => {
    const budget = new ReadBudget({ memory: 4 * MIB });
    const [first, ...others] = readers(budget, 50);
    read([first!], 5);
    read(others, 5);
    assert.ok(first!.next(WHOLE).length < 256 * KIB);
    for (const buffer of others) buffer.release();
    read([first!], 5);
    assert.equal(first!.next(WHOLE).length, 256 * KIB);
    first!.release();
    first!.release();
    assert.equal(budget.held, 0);
  });

  it('takes no more than is left to read, and uses the same memory again and again', () => {
    const budget = new ReadBudget();
    const buffer = new ChunkBuffer(budget);
    assert.equal(buffer.next(5).length, 5);
    assert.equal(budget.held, 5);
    read([buffer], 5);
    assert.equal(buffer.next(WHOLE).buffer, buffer.next(7).buffer);
  });
});
