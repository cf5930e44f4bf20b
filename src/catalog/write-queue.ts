/**
 * All writes to the index, one after the other. A turn may read and write, so it is the transaction: nothing changes
 * between its reads and its batch, which is durable when `turn` resolves. After a failed write the store is opened again
 * before anything more is acknowledged; whether that write was made is unknown, so everything remembered is forgotten.
 */
import { Mutex } from '../lib/async.js';
import { AppError } from '../lib/errors.js';
import type { MetadataStore, Mutation, WriteOptions } from '../metadata/metadata-store.js';
import type { StoredRecords } from './stored-records.js';
import { Transaction } from './transaction.js';

export class WriteQueue {
  readonly #store: MetadataStore;
  readonly #records: StoredRecords;
  readonly #mutex = new Mutex();
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
  turn<T>(work: (transaction: Transaction) => Promise<T> | T, options?: WriteOptions): Promise<T> {
    return this.#mutex.run(async () => {
      // A full store is left to `recover`: each turn would otherwise write 8 MiB only to see that it still is.
      if (this.#store.state === 'failed') await this.#reopen();
      if (this.#unusable) throw this.#unusable;
      const transaction = new Transaction(this.#records.fresh);
      const result = await work(transaction);
      const batch = transaction.batch();
      if (batch.length > 0) await this.#write(batch, options);
      return result;
    });
  }

  /** Opens the store again if a write failed and there is room by now. Throws when it cannot be. */
  recover(): Promise<void> {
    return this.#mutex.run(async () => {
      if (this.#store.state !== 'ready') await this.#reopen();
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
        await work();
        this.#unusable = undefined;
      } finally {
        this.#records.forgetAll();
        this.#changed();
      }
    });
  }

  async #write(batch: readonly Mutation[], options?: WriteOptions): Promise<void> {
    try {
      await this.#store.write(batch, options);
    } finally {
      this.#records.forget(batch.map((mutation) => mutation.key));
      this.#changed();
    }
  }

  async #reopen(): Promise<void> {
    try {
      await this.#store.reopen();
      await this.#check();
    } finally {
      this.#records.forgetAll();
      this.#changed();
    }
  }
}
