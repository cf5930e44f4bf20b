/**
 * bench/results.json: what each bench found when it ran last, with the commit and the machine that it ran on. A run of some
 * benches replaces what those had found and leaves the others.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
export const RESULTS = join(ROOT, 'bench/results.json');

/** Comparisons of one name share a picture: numbers are joined by lines, words have bars. */
export interface Plot {
  readonly name: string;
  readonly axis: string;
  readonly x: number | string;
}

export interface SideFigure {
  readonly name: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Comparison {
  readonly title: string;
  readonly unit: string;
  readonly baseline: string;
  readonly plot?: Plot;
  readonly sides: readonly SideFigure[];
}

export interface Target {
  readonly what: string;
  readonly unit: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Both missing when a side that it is measured by was not here. */
  readonly figure?: number;
  readonly reached?: boolean;
}

export interface Skipped {
  readonly side: string;
  readonly reason: string;
}

export interface Finding {
  readonly comparisons: readonly Comparison[];
  readonly targets: readonly Target[];
  readonly skipped: readonly Skipped[];
}

/** What the figures depend on, and nothing that names the machine or the day. */
export interface Environment {
  readonly commit: string;
  readonly cores: number;
  readonly node: string;
  readonly system: string;
}

export interface BenchResult extends Finding {
  readonly environment: Environment;
}

export type Results = Readonly<Record<string, BenchResult>>;

export const readResults = (path = RESULTS): Results => JSON.parse(readFileSync(path, 'utf8')) as Results;

/** In the order of `names`, which is that of the document; benches that are no more are left out. */
export function merge(before: Results, found: Results, names: readonly string[]): Results {
  const all = { ...before, ...found };
  return Object.fromEntries(names.flatMap((name) => (all[name] ? [[name, all[name]]] : [])));
}

export const writeResults = (results: Results, path = RESULTS): void =>
  writeFileSync(path, `${JSON.stringify(results, rounded, 2)}\n`);

/** Four digits say more than a run can. */
const rounded = (_: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;

export function environment(): Environment {
  const git = (...args: string[]) => execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', 'src') !== '';
  return {
    commit: git('rev-parse', '--short=10', 'HEAD') + (changed ? ' and changes' : ''),
    cores: availableParallelism(),
    node: process.version,
    system: `Debian ${readFileSync('/etc/debian_version', 'utf8').trim()}`,
  };
}
