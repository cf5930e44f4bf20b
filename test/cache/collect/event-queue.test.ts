import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, it } from 'node:test';
import type { CollectionEvent } from '../../../src/cache/collect/collection.js';
import { EventQueue } from '../../../src/cache/collect/event-queue.js';

const images: CollectionEvent = { kind: 'images', images: [] };
const progress = (scannedBlobs: number) => ({ kind: 'progress', counts: { scannedBlobs } }) as CollectionEvent;

describe('the events of a collection', () => {
  it('come in order, and of progress only the latest waits', async () => {
    const queue = new EventQueue();
    for (const event of [progress(1), progress(2), images, progress(3), progress(4)]) await queue.push(event);
    queue.end();
    const read: CollectionEvent[] = [];
    for await (const event of queue) read.push(event);
    assert.deepEqual(read, [progress(2), images, progress(4)]);
  });

  it('delay the work once a hundred of them wait, until one is read', async () => {
    const queue = new EventQueue();
    for (let event = 0; event < 100; event++) await queue.push(images);
    let pushed = false;
    const late = queue.push(images).then(() => (pushed = true));
    await nextTurn();
    assert.equal(pushed, false);
    const reader = queue[Symbol.asyncIterator]();
    await reader.next();
    await late;
    assert.equal(pushed, true);
  });

  it('delay nothing once nobody reads them', async () => {
    const queue = new EventQueue();
    for (let event = 0; event < 100; event++) await queue.push(images);
    const late = queue.push(images);
    await nextTurn();
    queue.abandon();
    await late;
    await queue.push(images);
  });

  it('end with the failure of the work, after what came before it', async () => {
    const queue = new EventQueue();
    const reader = queue[Symbol.asyncIterator]();
    const first = reader.next();
    await queue.push(images);
    queue.fail(new Error('the disk is gone'));
    assert.deepEqual(await first, { done: false, value: images });
    await assert.rejects(reader.next(), /the disk is gone/);
  });
});
