/**
 * Configuration from the environment and the command line, laid over what the file says. `CISTERN_STORAGE__MAX_SIZE`
 * is storage.maxSize, `CISTERN_UPSTREAMS__0__URL` is upstreams[0].url, CISTERN_DATA_DIR is dataDir and CISTERN_DRAIN_TIMEOUT
 * is drainTimeout. Other names without `__` are no configuration and are left alone.
 */
import type { KeyPath } from './rules.js';

export interface Override {
  /** How the user knows it: the name of a variable or of a flag. */
  readonly source: string;
  readonly path: KeyPath;
  readonly value: string;
}

export function overridesOf(env: Readonly<Record<string, string | undefined>>): readonly Override[] {
  return Object.entries(env)
    .filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && /^CISTERN_(DATA_DIR$|DRAIN_TIMEOUT$|.*__)/.test(entry[0]),
    )
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([source, value]) => ({ source, value, path: pathOf(source.slice('CISTERN_'.length)) }));
}

const pathOf = (name: string): KeyPath =>
  name.split('__').map((part) => (/^\d+$/.test(part) ? Number(part) : camelCase(part)));

const camelCase = (part: string): string =>
  part.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/**
 * A copy of `tree` with the override in it. Throws an Error when it would have to go into something that is no section,
 * or leave a gap in a list. Keys that are not in the schema are put in all the same: the schema reports them.
 */
export function withOverride(tree: unknown, [key, ...rest]: KeyPath, value: string): unknown {
  if (key === undefined) return value;
  if (typeof key === 'number') {
    const list: readonly unknown[] = tree === undefined ? [] : Array.isArray(tree) ? tree : fail('is not a list');
    if (key > list.length) fail(`has ${list.length} items, so the next one is ${list.length}`);
    return [...list.slice(0, key), withOverride(list[key], rest, value), ...list.slice(key + 1)];
  }
  if (tree !== undefined && (typeof tree !== 'object' || tree === null || Array.isArray(tree)))
    fail('is not a section');
  // A Map makes `__proto__` and `constructor` keys like any other.
  const entries = new Map<string, unknown>(Object.entries(tree ?? {}));
  return Object.fromEntries(entries.set(key, withOverride(entries.get(key), rest, value)));
}

function fail(why: string): never {
  throw new Error(`cannot be set here: what it belongs to ${why}`);
}
