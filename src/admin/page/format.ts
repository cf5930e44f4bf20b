/** Numbers and times as the page shows them, each with the exact value in the markup beside what is for people. */
import prettyBytes from 'pretty-bytes';
import { html, type Html } from './html.js';

const WHOLE = new Intl.NumberFormat('en');

export const NOTHING = '–';

export const count = (number: number): string => WHOLE.format(number);

export const bytesText = (bytes: number): string => prettyBytes(bytes, { binary: true });

export const size = (bytes: number | undefined): Html =>
  bytes === undefined ? html`${NOTHING}` : html`<data value="${bytes}">${bytesText(bytes)}</data>`;

/** `share`: from 0 to 1. */
export const percent = (share: number): Html => html`<data value="${share}">${(share * 100).toFixed(1)} %</data>`;

/** `5 min ago`, `in 3 h`. */
export function moment(at: number | undefined, now: number): Html {
  if (at === undefined) return html`${NOTHING}`;
  const far = duration(Math.abs(now - at));
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}" title="${iso}">${at > now ? `in ${far}` : `${far} ago`}</time>`;
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
] as const;

/** In its largest unit, and below ten of that in the next one too. */
export function duration(ms: number): string {
  const at = UNITS.findIndex(([unit]) => ms >= unit);
  if (at === -1) return 'less than 1 s';
  const [unit, name] = UNITS[at] ?? [1, ''];
  const whole = Math.floor(ms / unit);
  const [smaller, smallerName] = UNITS[at + 1] ?? [1, ''];
  const rest = Math.floor((ms % unit) / smaller);
  return whole < 10 && rest > 0 && smallerName !== '' ? `${whole} ${name} ${rest} ${smallerName}` : `${whole} ${name}`;
}
