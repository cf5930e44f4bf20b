/**
 * Sizes and durations as people write them. Strict on purpose: a unit that is guessed wrong is a disk that fills up.
 * Every parser throws a plain Error whose message says what would have been right.
 */
const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['kB', 1e3],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['PB', 1e15],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
  ['PiB', 2 ** 50],
]);

/** Longest first: the order in which they must stand. */
const DURATION_UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];
const DURATION = new RegExp(`^(?=.)${DURATION_UNITS.map(([unit]) => `(?:(\\d+)${unit})?`).join('')}$`);

/** Bytes. Takes `10GiB`, `512MB`, `1.5GiB`, and a number of bytes. */
export function parseSize(input: unknown): number {
  const match = /^(\d+(?:\.\d+)?) ?([a-zA-Z]*)$/.exec(typeof input === 'number' ? String(input) : asText(input));
  const unit = match?.[2] === '' ? 1 : SIZE_UNITS.get(match?.[2] ?? '');
  const bytes = Math.round(Number(match?.[1]) * (unit ?? Number.NaN));
  if (!Number.isSafeInteger(bytes))
    throw new Error(`${show(input)} is no size; expected one such as 10GiB, 512MB or a number of bytes`);
  return bytes;
}

/** Milliseconds. Takes `90s`, `15m`, `1h30m`, `7d`, `250ms`, and 0. Other bare numbers do not say their unit. */
export function parseDuration(input: unknown): number {
  const text = typeof input === 'number' ? String(input) : asText(input);
  if (text === '0') return 0;
  const match = DURATION.exec(text);
  const ms = match
    ? DURATION_UNITS.reduce((sum, [, unit], i) => sum + Number(match[i + 1] ?? 0) * unit, 0)
    : Number.NaN;
  if (!Number.isSafeInteger(ms))
    throw new Error(`${show(input)} is no duration; expected one such as 90s, 15m, 1h30m or 7d`);
  return ms;
}

/** The shortest text that `parseDuration` reads back. */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  let text = '';
  for (const [unit, size] of DURATION_UNITS) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === '' ? '0s' : text;
}

const asText = (input: unknown): string => (typeof input === 'string' ? input.trim() : '');

const show = (input: unknown): string => (input === undefined ? 'nothing' : JSON.stringify(input).slice(0, 100));
