/**
 * What the index asks of LevelDB, as a type of its own: tests put a failing disk in its place.
 */
import { Level } from 'level';

/** Bytes held in memory, and in the log, before they become a table: four times the usual, so that much less is merged. */
const WRITE_BUFFER = 16 * 1024 * 1024;

export interface LevelDatabase {
  getSync(key: string): string | undefined;
  batch(
    operations: ({ type: 'put'; key: string; value: string } | { type: 'del'; key: string })[],
    options: { sync: boolean },
  ): Promise<void>;
  iterator(range: {
    gt?: string;
    gte?: string;
    lt?: string;
    limit: number;
    fillCache: boolean;
    highWaterMarkBytes: number;
  }): { all(): Promise<[string, string][]> };
  /** Makes synced tables of all that is only in a log. A failure does not show here: the next write fails. */
  emptyLog(): Promise<void>;
  close(): Promise<void>;
}

/** What `level` is on Node.js, and its types, which must do for browsers too, do not tell. */
interface Compactable {
  compactRange(start: string, end: string): Promise<void>;
}

export type OpenLevel = (dir: string, options: { createIfMissing: boolean }) => Promise<LevelDatabase>;

export const openLevelDatabase: OpenLevel = async (dir, { createIfMissing }) => {
  const level = new Level(dir, { createIfMissing, writeBufferSize: WRITE_BUFFER }) as Level & Compactable;
  await level.open();
  return {
    getSync: (key) => level.getSync(key),
    iterator: (range) => level.iterator(range),
    // LevelDB empties its log before it compacts a range, also one that holds nothing.
    emptyLog: () => level.compactRange('~', '~'),
    close: () => level.close(),
    // Put one by one: level copies every operation that comes in a list, which takes longer than to write it.
    batch: async (operations, { sync }) => {
      const batch = level.batch();
      for (const operation of operations) {
        if (operation.type === 'put') batch.put(operation.key, operation.value);
        else batch.del(operation.key);
      }
      await batch.write({ sync });
    },
  };
};
