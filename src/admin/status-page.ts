/**
 * The page for a person who wonders how the cache is doing. One HTML document with nothing to load, and no repository's
 * name in it: whoever reaches the admin port may read it.
 */
import prettyBytes from 'pretty-bytes';
import { ratiosOf, sum, type Tally } from '../cache/statistics/counts.js';
import type { UpstreamState } from '../cache/doctor/upstream-states.js';

export interface Status {
  readonly version: string;
  /** Milliseconds since the start. */
  readonly uptime: number;
  /** Why no traffic should come, or undefined when it may. */
  readonly unready: string | undefined;
  /** Of the index. */
  readonly health: string;
  readonly stored: { readonly blobs: number; readonly bytes: number };
  readonly flights: number;
  readonly upstreams: readonly UpstreamState[];
  /** By the name of a span of time: what was counted in it. */
  readonly counted: readonly (readonly [span: string, tally: Tally])[];
}

export function statusPage(status: Status): string {
  const { version, uptime, unready, health, stored, flights, upstreams, counted } = status;
  const facts = [
    ['Version', version],
    ['Up for', duration(uptime)],
    ['Ready', unready === undefined ? 'yes' : `no: ${unready}`],
    ['Index', health],
    ['Stored', `${stored.blobs} blobs, ${size(stored.bytes)}`],
    ['Downloads under way', String(flights)],
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Cistern</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }
table { border-collapse: collapse; margin-bottom: 2rem }
th, td { padding: .25rem 1rem .25rem 0; text-align: left; border-bottom: 1px solid #8884 }
</style>
</head>
<body>
<h1>Cistern</h1>
${table([], facts)}
<h2>Saved</h2>
${table(['', 'Requests', 'Hit ratio', 'Served', 'From upstream', 'Byte hit ratio', 'Pulls saved'], counted.map(savedRow))}
<h2>Upstreams</h2>
${table(['Name', 'Breaker', 'Rate limit left', 'Downloads', 'Waiting'], upstreams.map(upstreamRow))}
<p>Metrics are at <a href="/metrics">/metrics</a>.</p>
</body>
</html>
`;
}

function savedRow([span, tally]: readonly [string, Tally]): readonly string[] {
  const { requests, hitRatio, byteHitRatio } = ratiosOf(tally);
  const { manifests, blobs } = tally;
  return [
    span,
    String(requests),
    requests === 0 ? '–' : percent(hitRatio),
    size(manifests.bytesServed + blobs.bytesServed),
    size(manifests.bytesFromUpstream + blobs.bytesFromUpstream),
    requests === 0 ? '–' : percent(byteHitRatio),
    String(manifests.savedGets),
  ];
}

function upstreamRow({ name, breaker, activeBodies, maxBodies, waitingBodies, ...state }: UpstreamState) {
  return [name, breaker, rateLimitLeft(state), `${activeBodies} of ${maxBodies}`, String(waitingBodies)];
}

function rateLimitLeft({ rateLimit, heldBackUntil }: Pick<UpstreamState, 'rateLimit' | 'heldBackUntil'>): string {
  if (heldBackUntil !== undefined) return 'none, it has us wait';
  return rateLimit?.remaining === undefined ? '–' : `${rateLimit.remaining} of ${rateLimit.limit}`;
}

/** All upstreams together. */
export const overall = (tallies: ReadonlyMap<string, Tally>): Tally => sum(...tallies.values());

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: 'td' | 'th') =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return [
    '<table>',
    ...(head.length > 0 ? [row(head, 'th')] : []),
    ...rows.map((cells) => row(cells, 'td')),
    '</table>',
  ].join('\n');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');

const percent = (ratio: number): string => `${(ratio * 100).toFixed(1)} %`;
const size = (bytes: number): string => prettyBytes(bytes, { binary: true });

function duration(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const parts = [
    [Math.floor(minutes / 1440), 'd'],
    [Math.floor(minutes / 60) % 24, 'h'],
    [minutes % 60, 'min'],
  ] as const;
  const text = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`);
  return text.length === 0 ? 'less than a minute' : text.join(' ');
}
