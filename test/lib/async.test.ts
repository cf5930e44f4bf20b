import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { follow } from '../../src/lib/async.js';

describe('a controller that follows signals', () => {
  const scene = () => {
    const [first, second, follower] = [new AbortController(), new AbortController(), new AbortController()];
    const unfollow = follow([first.signal, second.signal], follower);
    return { first, second, follower: follower.signal, unfollow };
  };

  it('is aborted with the first of them, for the same reason', () => {
    const { first, second, follower } = scene();
    assert.equal(follower.aborted, false);
    second.abort('the second');
    first.abort('the first');
    assert.equal(follower.reason, 'the second');
  });

  it('is aborted at once by one that was already', () => {
    const follower = new AbortController();
    follow([new AbortController().signal, AbortSignal.abort('long ago')], follower);
    assert.equal(follower.signal.reason, 'long ago');
  });

  it('follows no more, and leaves nothing with them, once it is told', () => {
    const { first, second, follower, unfollow } = scene();
    unfollow();
    for (const { signal } of [first, second]) assert.equal(getEventListeners(signal, 'abort').length, 0);
    first.abort();
    assert.equal(follower.aborted, false);
  });
});
