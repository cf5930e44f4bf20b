import type { Logger } from './log.js';

/** What has been started, and how to stop it again: newest first, and every step, also when one before it failed. */
export class Undo {
  readonly #log: Logger;
  readonly #steps: { readonly name: string; readonly stop: () => Promise<void> }[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  push(name: string, stop: () => Promise<void>): void {
    this.#steps.push({ name, stop });
  }

  async run(): Promise<void> {
    for (const { name, stop } of this.#steps.splice(0).reverse()) {
      await stop().catch((error: unknown) => this.#log.error({ err: error, step: name }, 'stopping failed'));
    }
  }
}
