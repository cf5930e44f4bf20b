/**
 * A clock that only moves when the test says so. `advance` moves both clocks and fires what falls due, in order, letting
 * the woken code run between two timers; `jump` moves the wall clock alone, as NTP or a careless operator would.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { sleepBy, type Clock } from '../../src/lib/clock.js';

interface Timer {
  due: number;
  readonly fire: () => void;
  /** Set for `every`; such a timer is due again after this many milliseconds. */
  readonly period?: number;
}

export class ManualClock implements Clock {
  #wall: number;
  #elapsed = 0;
  readonly #timers = new Set<Timer>();

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#wall = start;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepBy(this, ms, signal);
  }

  after(ms: number, fn: () => void): () => void {
    const timer: Timer = { due: this.#elapsed + ms, fire: fn };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  every(ms: number, fn: () => void): () => void {
    const timer: Timer = { due: this.#elapsed + ms, fire: fn, period: ms };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  async advance(ms: number): Promise<void> {
    const target = this.#elapsed + ms;
    await nextTurn();
    for (let timer = this.#next(target); timer; timer = this.#next(target)) {
      this.#move(timer.due - this.#elapsed);
      if (timer.period === undefined) this.#timers.delete(timer);
      else timer.due += timer.period;
      timer.fire();
      await nextTurn();
    }
    this.#move(target - this.#elapsed);
  }

  jump(ms: number): void {
    this.#wall += ms;
  }

  #move(ms: number): void {
    this.#elapsed += ms;
    this.#wall += ms;
  }

  #next(target: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.due <= target && (first === undefined || timer.due < first.due)) first = timer;
    }
    return first;
  }
}
