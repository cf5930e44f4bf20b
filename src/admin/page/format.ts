/** Numbers and times as the page shows them, each with the exact value in the markup beside what is for people. */
import prettyBytes from 'pretty-bytes';
import { spell } from '../../lib/spell-duration.js';
import { html, type Html } from './html.js';

const WHOLE = new Intl.NumberFormat('en');

export const NOTHING = '–';

export const count = (number: number): string => WHOLE.format(number);

/** `1 image`, `1,200 images`. */
export const amount = (number: number, one: string): string => `${count(number)} ${number === 1 ? one : `${one}s`}`;

export const bytesText = (bytes: number): string => prettyBytes(bytes, { binary: true });

export const size = (bytes: number | undefined): Html =>
  bytes === undefined ? html`${NOTHING}` : html`<data value="${bytes}">${bytesText(bytes)}</data>`;

/** `share`: from 0 to 1. */
export const percent = (share: number): Html => html`<data value="${share}">${(share * 100).toFixed(1)} %</data>`;

/** `5 min ago`, `in 3 h`. */
export function moment(at: number | undefined, now: number): Html {
  if (at === undefined) return html`${NOTHING}`;
  const far = spell(Math.abs(now - at));
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}" title="${iso}">${at > now ? `in ${far}` : `${far} ago`}</time>`;
}
