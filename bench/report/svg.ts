/**
 * A chart as an SVG that reads on light and on dark paper. Places stand side by side whatever their distance; values are on
 * a logarithmic scale when they differ much. A thin line through each value is its spread.
 */
import { figure, type Spread } from '../support/measure.js';

export interface Series {
  readonly name: string;
  /** One a place; undefined where it was not measured. */
  readonly values: readonly (Spread | undefined)[];
}

export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly axis: string;
  readonly places: readonly string[];
  /** By lines; else each value is a bar. */
  readonly joined: boolean;
  readonly series: readonly Series[];
}

const WIDTH = 760;
const HEIGHT = 360;
const LEFT = 80;
const RIGHT = 570;
const TOP = 40;
const BOTTOM = 300;
/** Greatest to least value from which on the scale is logarithmic. */
const WIDE = 30;
const COLOURS = ['#1f77d0', '#e07b00', '#2a9d4a', '#c63d3d', '#8e5bc0', '#8a6d4b', '#7a8590'];
const STYLE = [
  'text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.grid{stroke:#d0d7de}',
  '@media(prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#3d444d}}',
].join('');

export function drawChart(chart: Chart): string {
  const { title, unit, axis, places, joined, series } = chart;
  const scale = scaleOf(
    series.flatMap(({ values }) => values.flatMap((value) => (value ? [value.min, value.max] : []))),
  );
  const step = (RIGHT - LEFT) / places.length;
  const middle = (place: number) => LEFT + step * (place + 0.5);
  const ticks = scale.ticks.map((tick) => {
    const y = round(scale.y(tick));
    return `<path class="grid" d="M${LEFT} ${y}H${RIGHT}"/>${text(LEFT - 8, y + 4, figure(tick), 'end')}`;
  });
  const names = places.map((place, at) => text(middle(at), BOTTOM + 18, place, 'middle'));
  const drawn = series.map(({ name, values }, at) => {
    const colour = COLOURS[at % COLOURS.length]!;
    const width = (step * 0.8) / series.length;
    const x = (place: number) => middle(place) + (joined ? 0 : (at - (series.length - 1) / 2) * width);
    const shapes = values.flatMap((value, place) =>
      value ? [mark(value, x(place), joined ? 0 : width - 2, scale)] : [],
    );
    const line = joined ? pathOf(values, x, scale) : '';
    const key = `<rect x="${RIGHT + 16}" y="${TOP + at * 20}" width="12" height="12"/>`;
    const label = text(RIGHT + 34, TOP + at * 20 + 10, name, 'start');
    return `<g fill="${colour}" stroke="${colour}">${line}${shapes.join('')}${key}</g>${label}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">`,
    `<title>${escaped(title)}</title><style>${STYLE}</style>`,
    `<text class="title" x="${LEFT}" y="22">${escaped(`${title}, ${unit}${scale.logarithmic ? ' (logarithmic)' : ''}`)}</text>`,
    ...ticks,
    ...names,
    text((LEFT + RIGHT) / 2, BOTTOM + 42, axis, 'middle'),
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

interface Scale {
  readonly logarithmic: boolean;
  readonly ticks: readonly number[];
  readonly y: (value: number) => number;
}

function scaleOf(values: readonly number[]): Scale {
  const greatest = Math.max(...values, Number.MIN_VALUE);
  const least = Math.min(...values.filter((value) => value > 0), greatest);
  const height = BOTTOM - TOP;
  if (greatest / least >= WIDE) {
    const [from, to] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(greatest))];
    const ticks = Array.from({ length: to - from + 1 }, (_, at) => 10 ** (from + at));
    const y = (value: number) => BOTTOM - (height * (Math.log10(Math.max(value, 10 ** from)) - from)) / (to - from);
    return { logarithmic: true, ticks, y };
  }
  const power = 10 ** Math.floor(Math.log10(greatest / 4));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((each) => each * 5 >= greatest)!;
  const count = Math.ceil(greatest / step);
  const ticks = Array.from({ length: count + 1 }, (_, at) => at * step);
  return { logarithmic: false, ticks, y: (value) => BOTTOM - (height * value) / (count * step) };
}

/** A bar of that width, or a dot, with its spread. */
function mark({ median, min, max }: Spread, x: number, width: number, { y }: Scale): string {
  const at = round(y(median));
  const bar = `<rect x="${round(x - width / 2)}" y="${at}" width="${round(width)}" height="${round(BOTTOM - at)}" fill-opacity=".6"/>`;
  const spread = `<path d="M${round(x)} ${round(y(min))}V${round(y(max))}"/>`;
  return (width > 0 ? bar : `<circle cx="${round(x)}" cy="${at}" r="3.5"/>`) + spread;
}

function pathOf(values: Series['values'], x: (place: number) => number, { y }: Scale): string {
  const points = values.flatMap((value, at) => (value ? [`${round(x(at))} ${round(y(value.median))}`] : []));
  return `<path fill="none" stroke-width="2" d="M${points.join('L')}"/>`;
}

const text = (x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end'): string =>
  `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escaped(words)}</text>`;

const round = (value: number): number => Number(value.toFixed(1));

const escaped = (words: string): string => words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
