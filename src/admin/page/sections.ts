/** The tables of the status page, section by section. */
import { ratiosOf, type Counts, type Tally } from '../../cache/statistics/counts.js';
import type { ListedImage } from '../../cache/contents/overview.js';
import type { UpstreamState } from '../../cache/doctor/upstream-states.js';
import { spell } from '../../lib/spell-duration.js';
import { amount, bytesText, count, moment, NOTHING, percent, size } from './format.js';
import { html, table, type Html } from './html.js';
import type { Fill, JobStatus, Status } from './status.js';

export const fills = ({ fills: all }: Status): Html =>
  table({
    caption: 'Downloads from upstream that are under way',
    columns: [
      { title: 'Blob' },
      { title: 'Progress' },
      { title: 'Received', number: true },
      { title: 'Waiting for it', number: true },
    ],
    rows: all.map((fill) => [
      short(fill.name),
      fill.size === undefined
        ? html`<progress aria-label="${fill.name}"></progress>`
        : html`<progress aria-label="${fill.name}" max="${fill.size}" value="${fill.received}"></progress>`,
      fill.size === undefined ? size(fill.received) : html`${size(fill.received)} of ${size(fill.size)}`,
      followers(fill),
    ]),
    empty: 'Nothing is being downloaded.',
  });

function followers({ clients, prefetches }: Fill): string {
  const parts = [...(clients > 0 ? [amount(clients, 'client')] : []), ...(prefetches > 0 ? ['prefetch'] : [])];
  return parts.length === 0 ? 'nobody' : parts.join(', ');
}

/** A digest is too long to read; who needs all of it points at it. */
function short(reference: string): Html {
  const cut = reference.replace(/(@\w+:[0-9a-f]{12})[0-9a-f]+$/, '$1…');
  return cut === reference
    ? html`<span class="name">${cut}</span>`
    : html`<span class="name" title="${reference}">${cut}</span>`;
}

const MEASURES: readonly (readonly [string, (tally: Tally) => string | Html])[] = [
  ['Requests', (tally) => count(ratiosOf(tally).requests)],
  ['Hit ratio, by requests', (tally) => ratio(tally, ratiosOf(tally).hitRatio)],
  ['Hit ratio, by bytes', (tally) => ratio(tally, ratiosOf(tally).byteHitRatio)],
  ['Served', (tally) => size(both(tally, 'bytesServed'))],
  ['From upstream, for clients', (tally) => size(both(tally, 'bytesFromUpstream'))],
  ['From upstream, by prefetch', (tally) => size(both(tally, 'bytesPrefetched'))],
  ['Bytes saved', (tally) => size(Math.max(0, both(tally, 'bytesServed') - both(tally, 'bytesFromUpstream')))],
  ['Upstream pulls made', ({ manifests }) => count(manifests.upstreamGets)],
  ['Upstream pulls saved', ({ manifests }) => count(manifests.savedGets)],
];

const both = ({ manifests, blobs }: Tally, name: keyof Counts): number => manifests[name] + blobs[name];

const ratio = (tally: Tally, share: number): string | Html =>
  ratiosOf(tally).requests === 0 ? NOTHING : percent(share);

export const savings = ({ counted }: Status): Html =>
  table({
    id: 'saved',
    caption: 'All upstreams together',
    columns: [{ title: 'What' }, { title: 'Last 24 hours', number: true }, { title: 'Last 30 days', number: true }],
    rows: counted ? MEASURES.map(([name, of]) => [name, of(counted.day), of(counted.month)]) : [],
    empty: 'Being counted; come back in a moment.',
  });

export const upstreams = ({ upstreams: all, now }: Status): Html =>
  table({
    caption: 'Registries that it asks',
    columns: [
      { title: 'Name' },
      { title: 'State' },
      { title: 'Rate limit left', number: true },
      { title: 'Downloads', number: true },
      { title: 'Waiting', number: true },
    ],
    rows: all.map((upstream) => [
      html`<span class="name">${upstream.name}</span>`,
      upstreamState(upstream, now),
      upstream.rateLimit?.remaining === undefined
        ? NOTHING
        : `${count(upstream.rateLimit.remaining)} of ${count(upstream.rateLimit.limit)}`,
      `${count(upstream.activeBodies)} of ${count(upstream.maxBodies)}`,
      count(upstream.waitingBodies),
    ]),
    empty: 'They cannot be listed just now.',
  });

function upstreamState({ breaker, heldBackUntil, credential }: UpstreamState, now: number): Html {
  if (breaker === 'open') return html`<span class="bad">failing; left alone for a while</span>`;
  if (breaker === 'half-open') return html`<span class="fair">failing; being tried again</span>`;
  if (heldBackUntil !== undefined) {
    return html`<span class="fair"
      >has us wait${heldBackUntil > now ? `, ${spell(heldBackUntil - now)} more` : ''}</span
    >`;
  }
  if (credential?.failure !== undefined) return html`<span class="bad">our login fails</span>`;
  return html`<span class="good">in order</span>`;
}

const IMAGE = [
  { title: 'Image' },
  { title: 'Size', number: true },
  { title: 'Shared', number: true },
  { title: 'Last pulled', number: true },
  { title: 'Pulls', number: true },
] as const;

export function images({ overview, now, names }: Status): Html {
  if (!overview) return html`<p class="empty">Being looked up; come back in a moment.</p>`;
  const { usage, largest, leastUsed, plan, at } = overview;
  const row = ({ reference, size: bytes, shared, lastPulledAt, pulls }: ListedImage) => [
    short(reference),
    size(bytes),
    size(shared),
    moment(lastPulledAt, now),
    count(pulls),
  ];
  const lists =
    names === 'shown'
      ? html`${table({
          id: 'largest',
          caption: 'The largest',
          columns: IMAGE,
          rows: (largest ?? []).map(row),
          empty: largest ? 'No image is stored.' : 'There are too many images to look for the largest here.',
        })}
        ${table({
          id: 'least-used',
          caption: 'The least recently pulled: the next to leave',
          columns: [...IMAGE, { title: 'Frees', number: true }],
          rows: leastUsed.map((image) => [...row(image), size(image.frees)]),
          empty: 'No image may leave.',
        })}`
      : undefined;
  return html`<p>
      ${amount(usage.images, 'image')}, ${size(usage.bytes)}: ${size(usage.sharedBytes)} of it belongs to several
      images, ${size(usage.uniqueBytes)} to one, and ${size(usage.reclaimableBytes)} to none.
    </p>
    <p>${nextEviction(plan)} <span class="note">Looked up ${moment(at, now)}.</span></p>
    ${lists}`;
}

function nextEviction({ above, downTo, images: leaving, frees, more }: NonNullable<Status['overview']>['plan']): Html {
  const when = html`Eviction begins when more than ${size(above)} are stored, and goes down to ${size(downTo)}.`;
  if (leaving === 0) return html`${when} Just now it would take none.`;
  const which = leaving === 1 ? 'the image pulled' : `the ${count(leaving)} images pulled`;
  return more
    ? html`${when} It would take ${which} least recently, which frees ${size(frees)}, and more.`
    : html`${when} It would take ${which} least recently, which frees ${size(frees)}.`;
}

export function upkeep({ collection, scrub, now }: Status): Html {
  const { running, last, nextAt } = collection ?? {};
  const row = (
    name: string,
    at: number | undefined,
    took: number | undefined,
    found: string,
    next: number | undefined,
  ) => [
    name,
    moment(at, now),
    took === undefined ? NOTHING : took < 1000 ? 'less than 1 s' : spell(took),
    found,
    moment(next, now),
  ];
  const collected = last
    ? `${amount(last.images, 'image')} dropped, ${bytesText(last.sweptBytes)} freed`
    : collection
      ? 'never ran'
      : 'cannot be read just now';
  const scrubbed = scrub.last
    ? `${amount(scrub.last.checked, 'blob')} read, ${scrub.last.corrupt === 0 ? 'none bad' : `${count(scrub.last.corrupt)} bad`}`
    : 'never ended';
  return table({
    caption: 'What it does by itself',
    columns: [
      { title: 'What' },
      { title: 'Last', number: true },
      { title: 'Took', number: true },
      { title: 'Result' },
      { title: 'Next', number: true },
    ],
    rows: [
      row(
        'Garbage collection',
        last?.startedAt,
        last?.durationMs,
        running ? `running; ${collected} before` : collected,
        nextAt,
      ),
      row('Scrub', scrub.last?.startedAt, scrub.last?.durationMs, scrubbed, scrub.nextAt),
    ],
    empty: '',
  });
}

export const jobs = ({ jobs: all, now, names }: Status): Html =>
  table({
    caption: 'The newest jobs',
    columns: [
      { title: 'Job' },
      { title: 'State' },
      { title: 'Images', number: true },
      { title: 'Here', number: true },
      { title: 'Made', number: true },
    ],
    rows: (all ?? []).map((job) => [
      html`<span class="name">${names === 'shown' ? askedFor(job) : job.id}</span>`,
      jobState(job),
      count(job.images),
      html`${size(job.bytesHere)} of ${size(job.bytes)}`,
      moment(job.createdAt, now),
    ]),
    empty: all ? 'No image was prefetched yet.' : 'The jobs cannot be read just now.',
  });

function askedFor({ asked }: JobStatus): string {
  const [first = '', ...more] = asked;
  return more.length === 0 ? first : `${first} and ${count(more.length)} more`;
}

function jobState({ state, error }: JobStatus): Html {
  const kind = { queued: '', running: '', succeeded: 'good', failed: 'bad', cancelled: 'fair' }[state];
  const why = error === undefined || error === state ? '' : `: ${error}`;
  return html`<span class="${kind}">${state}${why}</span>`;
}
