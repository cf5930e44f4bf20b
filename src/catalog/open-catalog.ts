/**
 * How a data directory becomes a catalog: open the index, make sure it is the one this directory had, and make a new one
 * from the snapshot and the stored bytes when it is not. An index that is locked, or cannot be read for want of space or
 * rights, is left alone.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.js';
import { isAppError, type AppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import type { OpenLevel } from '../metadata/level-database.js';
import { LevelMetadataStore } from '../metadata/level-metadata-store.js';
import { setAside } from '../metadata/set-aside.js';
import { removeUnfinished } from './atomic-file.js';
import { Catalog } from './catalog.js';
import { Epoch } from './epoch.js';
import { pendingRebuild, restoreSnapshot, type Survey } from './rebuild.js';

export interface OpenCatalogOptions {
  readonly dataDir: string;
  /** Every stored blob, for rebuilds. */
  readonly survey: Survey;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the index, when a start has come across it: it is set aside. */
  readonly damage?: AppError | undefined;
  readonly openLevel?: OpenLevel;
  readonly spaceProbe?: () => Promise<void>;
}

const SET_ASIDE = 'index set aside; a new one is made';

/**
 * The directory must be locked (directory-lock.ts). Throws AppError DIRECTORY_IN_USE, INDEX_FAILED or STORE_FULL. A damaged
 * index is no failure, but who comes across the damage later gets INDEX_CORRUPT, and opens it again with that as `damage`.
 */
export async function openCatalog(options: OpenCatalogOptions): Promise<Catalog> {
  const { dataDir, survey, clock, log } = options;
  const files = { snapshot: join(dataDir, 'snapshot'), statistics: join(dataDir, 'statistics') };
  await mkdir(dataDir, { recursive: true });
  for (const file of Object.values(files)) await removeUnfinished(file);
  const epoch = await Epoch.open(join(dataDir, 'epoch'));
  const store = await openIndex(join(dataDir, 'index'), options);
  try {
    const replaceIndex = async (damage: AppError): Promise<void> => {
      log.error({ err: damage, movedTo: await store.startOver(clock.now()) }, SET_ASIDE);
      await restoreSnapshot(store, files, log);
      await epoch.raise(store);
    };
    try {
      if (options.damage && !store.created) throw options.damage;
      // A start that was killed while it restored the snapshot had no epoch to write yet.
      if (store.created || (await pendingRebuild(store)) === 'snapshot') {
        await restoreSnapshot(store, files, log);
      } else await epoch.check(store);
      await epoch.raise(store);
    } catch (error) {
      if (!isAppError(error, 'INDEX_CORRUPT')) throw error;
      await replaceIndex(error);
    }
    const rebuilding = (await pendingRebuild(store)) !== undefined;
    return await Catalog.open({ store, clock, log, files, epoch, rebuilding, replaceIndex, survey });
  } catch (error) {
    await store.close().catch(() => undefined);
    throw error;
  }
}

async function openIndex(dir: string, options: OpenCatalogOptions): Promise<LevelMetadataStore> {
  const { openLevel, spaceProbe, clock, log } = options;
  const open = () => LevelMetadataStore.open({ dir, log, openLevel, spaceProbe });
  try {
    return await open();
  } catch (error) {
    if (!isAppError(error, 'INDEX_CORRUPT')) throw error;
    log.error({ err: error, movedTo: await setAside(dir, clock.now()) }, SET_ASIDE);
    return open();
  }
}
