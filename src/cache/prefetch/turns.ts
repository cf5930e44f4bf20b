/**
 * At most so many tasks at once, over any number of owners who take turns: whoever asks for a thousand does not keep
 * waiting whoever asks for one.
 */
export class Turns {
  #free: number;
  /** Owners in the order of their next turn. */
  readonly #waiting = new Map<object, (() => void)[]>();

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Rejects with the signal's reason when it is aborted before the task began; a task that began is its own to end. */
  async run<T>(owner: object, task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(owner, signal);
    try {
      return await task();
    } finally {
      this.#pass();
    }
  }

  #turn(owner: object, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.#waiting.get(owner) ?? [];
      const grant = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        queue.splice(queue.indexOf(grant), 1);
        if (queue.length === 0 && this.#waiting.get(owner) === queue) this.#waiting.delete(owner);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', leave, { once: true });
      queue.push(grant);
      this.#waiting.set(owner, queue);
    });
  }

  #pass(): void {
    for (const [owner, queue] of this.#waiting) {
      const grant = queue.shift();
      this.#waiting.delete(owner);
      if (queue.length > 0) this.#waiting.set(owner, queue);
      grant?.();
      return;
    }
    this.#free++;
  }
}
