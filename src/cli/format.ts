/** How answers look: tables without lines, sizes and times for people, and the same values for machines. */
import Table from 'cli-table3';
import prettyBytes from 'pretty-bytes';
import { parseDuration } from '../config/quantities.js';
import type { Timestamp, Timestamp__Output } from '../control/gen/google/protobuf/Timestamp.js';
import { counted } from '../lib/counted.js';
import { UsageError } from './control-error.js';

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

type Cell = string | number;

/** Numbers are set to the right. Without rows, the head alone. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const colAligns = head.map((_, i) => (typeof rows[0]?.[i] === 'number' ? ('right' as const) : ('left' as const)));
  const shown = new Table({
    head: [...head],
    chars: NO_LINES,
    colAligns,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 3 },
  });
  for (const row of rows) shown.push(row.map(String));
  return shown
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

export const bytes = (count: number): string => prettyBytes(count, { binary: true });

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

export const shortDigest = (digest: string): string => digest.replace(/^(sha\d+:[0-9a-f]{12})[0-9a-f]*$/, '$1');

const msOf = (time: Timestamp__Output): number => time.seconds * 1000 + Math.floor(time.nanos / 1e6);

export const timestampOf = (ms: number): Timestamp => ({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 });

/** ISO 8601, or null. */
export const iso = (time: Timestamp__Output | null): string | null =>
  time === null ? null : new Date(msOf(time)).toISOString();

/** `3 hours ago`. */
export function ago(time: Timestamp__Output | null, now = Date.now()): string {
  if (time === null) return 'never';
  const seconds = Math.max(0, (now - msOf(time)) / 1000);
  const units: readonly (readonly [name: string, seconds: number])[] = [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ];
  const unit = units.find(([, size]) => seconds >= size);
  return unit === undefined ? 'just now' : `${counted(Math.floor(seconds / unit[1]), unit[0])} ago`;
}

/** How long it is until then: `58 s`, `12 min`. */
export function left(time: Timestamp__Output, now = Date.now()): string {
  const seconds = Math.max(0, Math.ceil((msOf(time) - now) / 1000));
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}

export const duration = (ms: number): string =>
  ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;

/** The word of an enumeration's value: `half-open` of BREAKER_STATE_HALF_OPEN. */
export const word = (prefix: string, value: string): string =>
  value.startsWith(`${prefix}_`)
    ? value
        .slice(prefix.length + 1)
        .toLowerCase()
        .replaceAll('_', '-')
    : value;

/** A moment: a date (`2026-01-31`, `2026-01-31T12:00:00Z`), or so long ago (`24h`, `30d`). Milliseconds since the epoch. */
export function momentOf(text: string, option: string, now = Date.now()): number {
  try {
    return now - parseDuration(text);
  } catch {
    const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
    if (!Number.isNaN(ms)) return ms;
    throw new UsageError(
      `${option}: ${JSON.stringify(text)} is no moment; expected a date such as 2026-01-31, or 24h or 30d for so long ago`,
    );
  }
}

/** A line of a description. */
export const field = (name: string, value: string): string => `${`${name}:`.padEnd(16)}${value}`;
