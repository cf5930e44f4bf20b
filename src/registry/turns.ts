/**
 * Shares each turn of the event loop among those who send. A socket with room takes what it is given at once, so who is
 * given bytes from memory would get all that its socket takes before anybody else is heard, and two thousand of them kept
 * the process deaf for half a second.
 */
import { setImmediate } from 'node:timers';

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
  #begun = false;

  /** Resolves when so many bytes may be sent, in the order asked; undefined when they may at once, which costs nothing. */
  take(bytes: number): Promise<void> | undefined {
    this.#begin();
    if (this.#left > 0) {
      this.#spend(bytes);
      return undefined;
    }
    return new Promise((go) => this.#waiting.push({ bytes, go }));
  }

  #spend(bytes: number): void {
    this.#left -= Math.max(bytes, LEAST);
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    setImmediate(() => this.#next());
  }

  #next(): void {
    this.#begun = false;
    this.#left = A_TURN;
    while (this.#left > 0) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#spend(next.bytes);
      next.go();
    }
    this.#begin();
  }
}
