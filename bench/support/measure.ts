/**
 * How a number is made here: the sides of a comparison take turns within one run, the median of each is kept, and what is
 * printed first is their ratio. A machine's speed and its bad moments then touch all sides alike.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Side {
  readonly name: string;
  /** One measurement; more is better or less is better, as the caller prints it. */
  readonly run: (round: number) => Promise<number>;
}

/** Medians by side, from `rounds` rounds in which every side has its turn; the order is turned round each time. */
export async function interleaved(rounds: number, sides: readonly Side[]): Promise<ReadonlyMap<string, number>> {
  const results = new Map(sides.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, run } of round % 2 === 0 ? sides : sides.toReversed()) {
      // What one side left in the page cache must not be written out at the next one's expense.
      execFileSync('sync');
      results.get(name)!.push(await run(round));
    }
  }
  return new Map([...results].map(([name, values]) => [name, median(values)]));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Prints each side's median and its ratio to `baseline`. */
export function report(title: string, unit: string, medians: ReadonlyMap<string, number>, baseline: string): void {
  const base = medians.get(baseline)!;
  print(title);
  for (const [name, value] of medians) {
    const ratio = name === baseline ? '' : `${(value / base).toFixed(2)} x ${baseline}`;
    print(`  ${name.padEnd(24)} ${figure(value).padStart(10)} ${unit.padEnd(8)} ${ratio}`);
  }
}

export const print = (line: string): void => void process.stdout.write(`${line}\n`);

export const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Resident memory of a process in MiB, now and at its highest. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}
