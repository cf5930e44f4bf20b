/**
 * Shares each turn of the event loop among those who send. A socket with room takes what it is given at once, so who is
 * given bytes from memory would get all that its socket takes before anybody else is heard, and two thousand of them kept
 * the process deaf for half a second.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

const KiB = 1024;
const MiB = 1024 * KiB;

/** Bytes: some ten milliseconds of copying. */
const A_TURN = 32 * MiB;
/** What little ones count for: they take their time too. */
const LEAST = 16 * KiB;

interface Waiting {
  readonly bytes: number;
  readonly go: () => void;
}

export class Turns {
  readonly #waiting: Waiting[] = [];
  #left = A_TURN;
  #next: Promise<void> | undefined;

  /** Resolves when so many bytes may be sent, in the order asked; undefined when they may at once, which costs nothing. */
  take(bytes: number): Promise<void> | undefined {
    void this.next();
    if (this.#left > 0) {
      this.#spend(bytes);
      return undefined;
    }
    return new Promise((go) => this.#waiting.push({ bytes, go }));
  }

  /** Resolves when all that has come by now was looked at. */
  next(): Promise<void> {
    this.#next ??= nextTurn().then(() => this.#begin());
    return this.#next;
  }

  #spend(bytes: number): void {
    this.#left -= Math.max(bytes, LEAST);
  }

  #begin(): void {
    this.#next = undefined;
    this.#left = A_TURN;
    while (this.#left > 0) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#spend(next.bytes);
      next.go();
    }
    void this.next();
  }
}
