/**
 * How a number is made here: the sides of a comparison take turns within one run, and the median of each is kept with the
 * least and the greatest of its rounds. A machine's speed and its bad moments then touch all sides alike.
 */
import { execFileSync } from 'node:child_process';

/** What one side gave over all rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export type Spreads = ReadonlyMap<string, Spread>;

export interface Side<Measure extends string> {
  readonly name: string;
  /** One turn; a measure that this side does not have may be missing. */
  readonly run: (round: number) => Promise<Partial<Record<Measure, number>>>;
}

/** Each measure's spreads by side, from `rounds` rounds in which every side has its turn; the order is turned round each time. */
export async function interleaved<Measure extends string>(
  rounds: number,
  measures: readonly Measure[],
  sides: readonly Side<Measure>[],
): Promise<Readonly<Record<Measure, Spreads>>> {
  const seen = new Map(measures.map((measure) => [measure, new Map<string, number[]>()]));
  for (const { name } of sides) for (const values of seen.values()) values.set(name, []);
  for (let round = 0; round < rounds; round++) {
    for (const { name, run } of round % 2 === 0 ? sides : sides.toReversed()) {
      // What one side left in the page cache must not be written out at the next one's expense.
      execFileSync('sync');
      const turn = await run(round);
      for (const measure of measures) {
        const value = turn[measure];
        if (value !== undefined) seen.get(measure)!.get(name)!.push(value);
      }
    }
  }
  const spreads = [...seen].map(([measure, values]) => [measure, spreadsOf(values)] as const);
  return Object.fromEntries(spreads) as Record<Measure, Spreads>;
}

/** Sides without a value are left out. */
const spreadsOf = (values: ReadonlyMap<string, readonly number[]>): Spreads =>
  new Map([...values].filter(([, each]) => each.length > 0).map(([name, each]) => [name, spreadOf(each)]));

export const spreadOf = (values: readonly number[]): Spread => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
});

/** How many times the median of `other` the median of `side` is; undefined when one of them was not measured, or is nothing. */
export function ratio(spreads: Spreads, side: string, other: string): number | undefined {
  const [above, below] = [spreads.get(side), spreads.get(other)];
  return above && below && below.median > 0 ? above.median / below.median : undefined;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export const print = (line: string): void => void process.stdout.write(`${line}\n`);

export const figure = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString('en-US') : value >= 100 ? value.toFixed(0) : value.toPrecision(3);

export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
