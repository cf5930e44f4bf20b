/**
 * All writes to the index, one after the other. A turn may read and write, so it is the transaction: nothing changes
 * between its reads and its writes, which are durable when `turn` resolves. Turns that come while a batch is being written
 * make up the next one together, because a sync takes as long for many as for one. After a failed write the store is opened
 * again before anything more is acknowledged; whether that write was made is unknown, so everything remembered is forgotten.
 */
import { Mutex } from '../lib/async.js';
import { isAppError, type AppError } from '../lib/errors.js';
import type { MetadataStore, Mutation, WriteOptions } from '../metadata/metadata-store.js';
import type { StoredRecords } from './stored-records.js';
import { Transaction } from './transaction.js';

/** Turns in one batch at most: what each of them waits for. */
const TOGETHER = 64;

interface Turn {
  /** Does its work, and resolves to what tells its caller the result. */
  readonly join: (transaction: Transaction) => Promise<() => void>;
  readonly fail: (error: unknown) => void;
  readonly durable: NonNullable<WriteOptions['durable']>;
}

export class WriteQueue {
  readonly #store: MetadataStore;
  readonly #records: StoredRecords;
  readonly #mutex = new Mutex();
  /** While there are any, a batch of them is due. */
  readonly #waiting: Turn[] = [];
  /** Called after each reopen, before anything is written: throws when what was opened is not the index that was closed. */
  readonly #check: () => Promise<void>;
  /** Called whenever the store's state may have changed. */
  readonly #changed: () => void;
  #unusable: AppError | undefined;

  constructor(options: {
    readonly store: MetadataStore;
    readonly records: StoredRecords;
    readonly check: () => Promise<void>;
    readonly changed: () => void;
  }) {
    this.#store = options.store;
    this.#records = options.records;
    this.#check = options.check;
    this.#changed = options.changed;
  }

  /** Set once the index is known to be damaged: no write can mend that. */
  get unusable(): AppError | undefined {
    return this.#unusable;
  }

  condemn(cause: AppError): void {
    this.#unusable ??= cause;
    this.#changed();
  }

  /** Throws AppError STORE_FULL, INDEX_FAILED, INDEX_CORRUPT, or what `work` throws; then nothing was written by it. */
  turn<T>(work: (transaction: Transaction) => Promise<T> | T, { durable = true }: WriteOptions = {}): Promise<T> {
    return new Promise((resolve, fail) => {
      const join = async (transaction: Transaction) => {
        const result = await work(transaction);
        return () => resolve(result);
      };
      if (this.#waiting.push({ join, fail, durable }) === 1) this.#writeSoon();
    });
  }

  /** Opens the store again if a write failed and there is room by now. Throws when it cannot be, unless it is `unusable` now. */
  recover(): Promise<void> {
    return this.#mutex.run(async () => {
      try {
        if (this.#store.state !== 'ready') await this.#reopen();
      } catch (error) {
        if (!this.#unusable) throw error;
      }
    });
  }

  /** Runs alone, for a write that is no turn. */
  exclusively(work: () => Promise<void>): Promise<void> {
    return this.#mutex.run(async () => {
      if (this.#store.state === 'failed') await this.#reopen();
      try {
        await work();
      } finally {
        this.#changed();
      }
    });
  }

  /** Runs alone, with nothing checked: what replaces the index itself. A condemned index is usable again afterwards. */
  replace(work: () => Promise<void>): Promise<void> {
    return this.#mutex.run(async () => {
      try {
        await this.#records.replace(work);
        this.#unusable = undefined;
      } finally {
        this.#changed();
      }
    });
  }

  #writeSoon(): void {
    void this.#mutex.run(async () => {
      const turns = this.#next();
      if (this.#waiting.length > 0) this.#writeSoon();
      try {
        await this.#writeTogether(turns);
      } catch (error) {
        for (const { fail } of turns) fail(error);
      }
    });
  }

  /** Those that wait longest, as long as they want the same of the disk. */
  #next(): readonly Turn[] {
    const [first] = this.#waiting;
    const others = this.#waiting.findIndex(({ durable }) => durable !== first?.durable);
    return this.#waiting.splice(0, others < 0 ? TOGETHER : Math.min(others, TOGETHER));
  }

  /** One after the other, each on what those before it have changed. One that fails leaves no trace in the batch. */
  async #writeTogether(turns: readonly Turn[]): Promise<void> {
    // A full store is left to `recover`: each turn would otherwise write 8 MiB only to see that it still is.
    if (this.#unusable) throw this.#unusable;
    if (this.#store.state === 'failed') await this.#reopen();
    let transaction = new Transaction(this.#records.fresh);
    const written: (() => void)[] = [];
    for (const { join, fail } of turns) {
      const own = transaction.next();
      let tell: () => void;
      try {
        tell = await join(own);
        transaction = own;
      } catch (error) {
        tell = () => fail(error);
      }
      // Who has seen nothing that is not written yet need not wait, nor share the fate of the batch. A refusal may rest on it too.
      if (transaction.isEmpty) tell();
      else written.push(tell);
    }
    const batch = transaction.batch();
    const [first] = turns;
    if (first && batch.length > 0) await this.#write(batch, first);
    for (const tell of written) tell();
  }

  async #write(batch: readonly Mutation[], { durable }: Turn): Promise<void> {
    try {
      await this.#store.write(batch, { durable });
    } finally {
      this.#records.forget(batch.map((mutation) => mutation.key));
      this.#changed();
    }
  }

  async #reopen(): Promise<void> {
    try {
      await this.#store.reopen();
      await this.#check();
    } catch (error) {
      if (isAppError(error, 'INDEX_CORRUPT')) this.condemn(error);
      throw error;
    } finally {
      this.#records.forgetAll();
      this.#changed();
    }
  }
}
