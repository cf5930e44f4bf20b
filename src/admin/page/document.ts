/** The status page as a document: what is where on it. Whatever is `data-live` is replaced as it changes (assets/status.js). */
import { ratiosOf } from '../../cache/statistics/counts.js';
import type { Assets } from './assets.js';
import { spell } from '../../lib/spell-duration.js';
import { amount, bytesText, count, NOTHING, percent, size } from './format.js';
import { html, table, type Html } from './html.js';
import type { Span } from './history.js';
import { fills, images, jobs, savings, upkeep, upstreams } from './sections.js';
import type { Status } from './status.js';

export const document = (status: Status, address: Assets['address']): Html =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Cistern</title>
        <link rel="icon" href="${address('icon.svg')}" />
        <link rel="stylesheet" href="${address('status.css')}" />
        <script src="${address('uplot.js')}" defer></script>
        <script src="${address('status.js')}" type="module"></script>
      </head>
      <body>
        <a class="skip" href="#main">Skip to the figures</a>
        <header>
          <h1>Cistern</h1>
          ${live('state', state(status))}
          <p id="connection" role="status"></p>
        </header>
        <main id="main" tabindex="-1">
          ${live('summary', summary(status))}
          <section aria-labelledby="plots-title" id="plots">
            <h2 id="plots-title">Hit ratio</h2>
            <noscript
              ><p>The plots need JavaScript; <a href="#figures">the same as figures</a> does not.</p></noscript
            >
            <div class="pair">
              <figure data-plot="hours" data-step="3600" data-spans="25" hidden>
                <figcaption>Last 24 hours</figcaption>
              </figure>
              <figure data-plot="days" data-step="86400" data-spans="31" hidden>
                <figcaption>Last 30 days</figcaption>
              </figure>
            </div>
          </section>
          ${section('filling', 'Being filled now', fills(status))}
          ${section('savings', 'What it saves', savings(status))}
          ${section('upstreams', 'Upstreams', upstreams(status))} ${section('images', 'Images', images(status))}
          ${section('upkeep', 'Upkeep', upkeep(status))} ${section('jobs', 'Prefetch', jobs(status))}
          ${section('figures', 'Hit ratio, as figures', figures(status))}
        </main>
        <footer>
          <p>
            Metrics: <a href="metrics">/metrics</a>. The same and more: <code>cistern stats</code>, <code>images</code>,
            <code>df</code>, <code>upstreams</code>. Times are in UTC.
          </p>
        </footer>
      </body>
    </html> `;

const live = (id: string, content: Html): Html => html`<div id="${id}" data-live>${content}</div>`;

const section = (id: string, title: string, content: Html): Html =>
  html`<section aria-labelledby="${id}-title">
    <h2 id="${id}-title">${title}</h2>
    ${live(id, content)}
  </section>`;

function state({ unready, health, version, uptime, names, now }: Status): Html {
  const [kind, text] =
    unready !== undefined
      ? ['bad', `Not ready: ${unready}`]
      : health === 'ready'
        ? ['good', 'Ready']
        : ['fair', `Ready, but the index is ${health === 'full' ? 'full' : health}`];
  return html`<p>
      <strong class="${kind}">${text}</strong> <span>Version ${version}, up for ${spell(uptime)}</span>
      <time datetime="${new Date(now).toISOString()}"
        >${new Date(now).toISOString().slice(0, 19).replace('T', ' ')} UTC</time
      >
    </p>
    ${NAMES[names]}`;
}

const NAMES: Readonly<Record<Status['names'], Html>> = {
  shown: html``,
  'after login': html`<p class="note">Names of repositories are shown after you <a href="login">log in</a>.</p>`,
  never: html`<p class="note">
    Names of repositories are not shown here: the configuration has no login for them (<code>admin.auth</code>).
  </p>`,
};

function summary({ counted, stored, maxSize, overview, growth, minFree }: Status): Html {
  const day = counted && ratiosOf(counted.day);
  const month = counted?.month;
  const served = (month?.manifests.bytesServed ?? 0) + (month?.blobs.bytesServed ?? 0);
  const fetched = (month?.manifests.bytesFromUpstream ?? 0) + (month?.blobs.bytesFromUpstream ?? 0);
  const [full, why] = untilFull({ overview, growth, minFree });
  return html`<dl class="tiles">
    ${tile('Hit ratio, 24 hours', day && day.requests > 0 ? percent(day.hitRatio) : html`${NOTHING}`, [
      day && day.requests > 0 ? html`of requests; ${percent(day.byteHitRatio)} of bytes` : html`no requests`,
    ])}
    ${tile('Bytes saved, 30 days', size(month && Math.max(0, served - fetched)), [html`of ${size(month && served)} served`])}
    ${tile('Pulls saved, 30 days', html`${month ? count(month.manifests.savedGets) : NOTHING}`, [
      html`${month ? count(month.manifests.upstreamGets) : NOTHING} made upstream`,
    ])}
    ${tile('Stored', size(stored?.bytes), [
      html`of ${bytesText(maxSize)}${overview ? `, ${amount(overview.usage.images, 'image')}` : ''}`,
      stored
        ? html`<meter min="0" max="${maxSize}" value="${stored.bytes}" aria-label="Stored, of all that may be">
            ${bytesText(stored.bytes)}
          </meter>`
        : html``,
    ])}
    ${tile('Full in', html`${full}`, [html`${why}`])}
  </dl>`;
}

const tile = (title: string, value: Html, notes: readonly Html[]): Html =>
  html`<div>
    <dt>${title}</dt>
    <dd>${value}</dd>
    ${notes.map((note) => html`<dd>${note}</dd>`)}
  </div> `;

/** Until the store evicts, or the disk has no more to give, whichever comes first. */
export function untilFull({
  overview,
  growth,
  minFree,
}: Pick<Status, 'overview' | 'growth' | 'minFree'>): readonly [days: string, why: string] {
  if (!overview) return [NOTHING, 'being looked up'];
  const { usage, plan } = overview;
  const room = Math.min(plan.above - usage.bytes - usage.spoolBytes, usage.freeBytes - minFree);
  if (room <= 0) return ['now', 'images leave to make room'];
  if (growth === undefined) return [NOTHING, 'not known before a whole day is recorded'];
  if (growth <= 0) return [NOTHING, 'it does not grow'];
  const days = room / growth;
  const pace = `${bytesText(room)} left, at ${bytesText(growth)} a day`;
  if (days > 3650) return ['years', pace];
  return [days < 1 ? 'less than a day' : amount(Math.floor(days), 'day'), pace];
}

const RATIOS = [
  { title: 'Requests', number: true },
  { title: 'By requests', number: true },
  { title: 'By bytes', number: true },
] as const;

function figures({ counted }: Status): Html {
  if (!counted) return html`<p class="empty">Being counted; come back in a moment.</p>`;
  const rows = (spans: readonly Span[], from: number, to: number) =>
    spans.toReversed().map(({ at, tally }) => {
      const { requests, hitRatio, byteHitRatio } = ratiosOf(tally);
      const iso = new Date(at).toISOString();
      const name = html`<time datetime="${iso}">${iso.slice(from, to).replace('T', ' ')}</time>`;
      return [name, count(requests), percent(hitRatio), percent(byteHitRatio)];
    });
  const empty = 'No requests.';
  return html`<div class="pair">
    <div>
      ${table({
        id: 'hours',
        caption: 'Last 24 hours',
        columns: [{ title: 'Hour' }, ...RATIOS],
        rows: rows(counted.hours, 5, 16),
        empty,
      })}
    </div>
    <div>
      ${table({
        id: 'days',
        caption: 'Last 30 days',
        columns: [{ title: 'Day' }, ...RATIOS],
        rows: rows(counted.days, 0, 10),
        empty,
      })}
    </div>
  </div>`;
}
