/** What a bench found, as values: it says each as it comes, and keeps it for bench/results.json. */
import type { Comparison, Finding, Plot, Target } from '../report/results.js';
import { figure, type Spread, type Spreads } from './measure.js';

export interface Wanted {
  readonly atLeast?: number;
  readonly atMost?: number;
}

export class Recorder {
  readonly #comparisons: Comparison[] = [];
  readonly #targets: Target[] = [];
  readonly #skipped = new Map<string, string>();
  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  get finding(): Finding {
    const skipped = [...this.#skipped].map(([side, reason]) => ({ side, reason }));
    return { comparisons: this.#comparisons, targets: this.#targets, skipped };
  }

  /** Each side's median, its spread, and its ratio to `baseline`. */
  compare(title: string, unit: string, spreads: Spreads, baseline: string, plot?: Plot): void {
    const sides = [...spreads].map(([name, { median, min, max }]) => ({ name, median, min, max }));
    this.#comparisons.push({ title, unit, baseline, ...(plot && { plot }), sides });
    const base = spreads.get(baseline)?.median;
    this.#say(title);
    for (const { name, median, min, max } of sides) {
      const times = base === undefined || name === baseline ? '' : `${(median / base).toFixed(2)} x ${baseline}`;
      const spread = min === max ? '' : `(${figure(min)} to ${figure(max)})`;
      this.#say(`  ${name.padEnd(24)} ${figure(median).padStart(10)} ${unit.padEnd(8)} ${spread.padEnd(20)} ${times}`);
    }
  }

  /** A figure of Cistern alone. */
  own(title: string, unit: string, spread: Spread | number, plot?: Plot): void {
    const value = typeof spread === 'number' ? { median: spread, min: spread, max: spread } : spread;
    this.compare(title, unit, new Map([['cistern', value]]), 'cistern', plot);
  }

  /** What was promised; `reached` is undefined when a side that it is measured by is not here. */
  target(what: string, unit: string, { atLeast, atMost }: Wanted, value: number | undefined): void {
    const limit = { ...(atLeast !== undefined && { atLeast }), ...(atMost !== undefined && { atMost }) };
    const reached = value !== undefined && value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity);
    this.#targets.push({ what, unit, ...limit, ...(value !== undefined && { figure: value, reached }) });
    const wanted = atLeast === undefined ? `at most ${atMost ?? ''}` : `at least ${atLeast}`;
    const verdict = value === undefined ? 'not measured' : `${figure(value)}: ${reached ? 'reached' : 'MISSED'}`;
    this.#say(`  ${what}: wanted ${wanted} ${unit}; ${verdict}`);
  }

  skip(side: string, reason: string): void {
    this.#skipped.set(side, reason);
    this.#say(`  ${side} is skipped: ${reason}`);
  }
}

export type Bench = (record: Recorder) => Promise<void>;
