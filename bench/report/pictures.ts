/** The pictures of docs/performance.md: comparisons that share a plot, joined by lines over numbers, as bars over words. */
import type { BenchResult, Comparison, Plot, Results } from './results.js';
import { drawChart, type Series } from './svg.js';

type Plotted = Comparison & { readonly plot: Plot };

const isPlotted = (comparison: Comparison): comparison is Plotted => comparison.plot !== undefined;

/** The plots of a bench that have something to compare: more than one place on the axis. */
export function namesOf({ comparisons }: BenchResult): string[] {
  const plotted = comparisons.filter(isPlotted).map(({ plot }) => plot.name);
  return [...new Set(plotted)].filter((name) => plotted.indexOf(name) !== plotted.lastIndexOf(name));
}

export const pictureOf = (bench: string, plot: string): string => `${bench}-${plot}.svg`;

/** All pictures by the names of their files. */
export function pictures(results: Results): ReadonlyMap<string, string> {
  const all = Object.entries(results).flatMap(([bench, found]) =>
    namesOf(found).map((name) => {
      const points = found.comparisons.filter(isPlotted).filter(({ plot }) => plot.name === name);
      return [pictureOf(bench, name), draw(`${bench}: ${name}`, points)] as const;
    }),
  );
  return new Map(all);
}

function draw(title: string, points: readonly Plotted[]): string {
  const [{ unit, plot }] = points as [Plotted];
  const names = [...new Set(points.flatMap(({ sides }) => sides.map(({ name }) => name)))];
  const series = names.map((name): Series => ({
    name,
    values: points.map(({ sides }) => sides.find((side) => side.name === name)),
  }));
  const places = points.map(({ plot: { x } }) => (typeof x === 'number' ? x.toLocaleString('en-US') : x));
  return drawChart({ title, unit, axis: plot.axis, places, joined: typeof plot.x === 'number', series });
}
