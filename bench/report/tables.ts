/** bench/results.json as the tables of docs/performance.md. */
import { figure } from '../support/measure.js';
import { namesOf, pictureOf } from './pictures.js';
import type { BenchResult, Comparison, Environment, Results, SideFigure, Target } from './results.js';

const NOTHING = 'Nothing was measured yet: `npm run bench`, then `npm run docs:performance`.';

/** Every promise with its figure, missed ones in bold. */
export function targets(results: Results): string {
  const rows = Object.entries(results).flatMap(([bench, found]) => found.targets.map((target) => row(bench, target)));
  return rows.length === 0 ? NOTHING : table(['What', 'Bench', 'Wanted', 'Figure', 'Reached'], rows);
}

function row(bench: string, { what, unit, atLeast, atMost, figure: value, reached }: Target): string[] {
  const wanted = atLeast === undefined ? `at most ${atMost ?? ''} ${unit}` : `at least ${atLeast} ${unit}`;
  const verdict = reached === undefined ? 'not measured' : reached ? 'yes' : '**no**';
  return [what, `\`${bench}\``, wanted, value === undefined ? '' : times(value), verdict];
}

/** A section for each bench: its machine, its tables and its pictures. */
export function figures(results: Results, titleOf: (bench: string) => string): string {
  const sections = Object.entries(results).map(([bench, found]) => section(bench, titleOf(bench), found));
  return sections.length === 0 ? NOTHING : sections.join('\n\n');
}

function section(bench: string, title: string, found: BenchResult): string {
  const { comparisons, environment, skipped } = found;
  return [
    `### ${title}`,
    `\`npm run bench -- ${bench}\`; ${machine(environment)}.`,
    ...skipped.map(({ side, reason }) => `Skipped: ${side}, because ${reason}.`),
    ...(comparisons.length > 0
      ? [table(['What', 'Side', 'Median', 'Least to greatest', 'Ratio'], comparisons.flatMap(rows))]
      : []),
    ...namesOf(found).map((plot) => `![${title}: ${plot}](performance/${pictureOf(bench, plot)})`),
  ].join('\n\n');
}

const machine = ({ commit, cores, node, system }: Environment): string =>
  `commit ${commit}, ${cores} cores, Node.js ${node.slice(1)}, ${system}`;

function rows({ title, unit, baseline, sides }: Comparison): string[][] {
  const base = sides.find(({ name }) => name === baseline)?.median;
  const cells = ({ name, median, min, max }: SideFigure, at: number) => [
    at === 0 ? title : '',
    name,
    `${figure(median)} ${unit}`,
    min === max ? '' : `${figure(min)} to ${figure(max)}`,
    base === undefined || base === 0 || name === baseline ? '' : `${times(median / base)} x ${baseline}`,
  ];
  return sides.map(cells);
}

/** Two digits after the point where a hundredth decides. */
const times = (value: number): string => (value < 10 ? value.toFixed(2) : figure(value));

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |').replaceAll('|  |', '| |');
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
