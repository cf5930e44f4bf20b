/**
 * Finds what nothing refers to, and files without a record, by walking sorted ranges side by side: what is recorded, the
 * files, and everything that may keep something. It holds one page of each range and no set, whatever the size of the
 * index. The pages are read at slightly different moments, so it names candidates; the eraser decides.
 */
import { Cursor, END } from '../../catalog/cursor.js';
import { lastDigest, prefixes } from '../../catalog/keys.js';
import type { PagedRecords } from '../../catalog/stored-records.js';
import type { Digest } from '../../oci/digest.js';

/** What is looked at between two windows: some milliseconds of work. */
const SPAN = 1000;

/** Neighbours in the order of digests. */
export interface Window {
  /** Records looked at. */
  looked: number;
  /** Those of them that nothing refers to. */
  readonly unreferred: Digest[];
  /** Files that no record names. */
  readonly orphans: Digest[];
}

export interface Walk {
  readonly records: PagedRecords;
  /** What is looked at: `prefixes.blobs` or `prefixes.manifests`. */
  readonly recorded: string;
  readonly files?: AsyncIterable<readonly Digest[]>;
  /** Whether it is only imagined to be gone: then it is passed over, and keeps nothing. */
  readonly isGone: (digest: Digest) => boolean;
}

export async function* sweep({ records, recorded: range, files: stored, isGone }: Walk): AsyncIterable<Window> {
  const cursors: Cursor[] = [];
  const opened = async (opening: Promise<Cursor>) => {
    const cursor = await opening;
    cursors.push(cursor);
    return cursor;
  };
  try {
    const recorded = await opened(Cursor.open(records, range));
    const files = await opened(Cursor.over(stored ?? none()));
    const parents = await opened(Cursor.open(records, prefixes.parents));
    const holders = [
      await opened(Cursor.open(records, prefixes.roots)),
      await opened(Cursor.open(records, prefixes.pinned)),
    ];
    let window = empty();
    for (;;) {
      const digest = (recorded.digest < files.digest ? recorded.digest : files.digest) as Digest;
      if ((digest as string) === END) break;
      let referred = false;
      while (parents.digest <= digest) {
        referred ||= parents.digest === digest && !isGone(lastDigest(parents.key));
        const turn = parents.step();
        if (turn) await turn;
      }
      for (const holder of holders) {
        while (holder.digest <= digest) {
          referred ||= holder.digest === digest;
          const turn = holder.step();
          if (turn) await turn;
        }
      }
      const isRecorded = recorded.digest === digest;
      if (!isGone(digest)) {
        if (isRecorded) window.looked++;
        else window.orphans.push(digest);
        if (isRecorded && !referred) window.unreferred.push(digest);
      }
      const turns = [isRecorded && recorded.step(), files.digest === digest && files.step()];
      for (const turn of turns) if (turn) await turn;
      if (window.looked + window.orphans.length < SPAN) continue;
      yield window;
      window = empty();
    }
    yield window;
  } finally {
    for (const cursor of cursors) await cursor.close();
  }
}

const empty = (): Window => ({ looked: 0, unreferred: [], orphans: [] });

async function* none(): AsyncIterable<never> {
  await Promise.resolve();
  yield* [];
}
