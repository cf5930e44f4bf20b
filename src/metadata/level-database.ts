/**
 * What the index asks of LevelDB, as a type of its own: tests put a failing disk in its place.
 */
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
  close(): Promise<void>;
}

export type OpenLevel = (dir: string, options: { createIfMissing: boolean }) => Promise<LevelDatabase>;
