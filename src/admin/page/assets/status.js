/**
 * Keeps the status page up to date and draws the plots. The page itself is asked for again and its `data-live` parts
 * replaced: so there is one place that renders and escapes, and no figure that only a script can show. The plots are drawn
 * from the tables further down.
 */
/* global AbortSignal, document, DOMParser, fetch, getComputedStyle, getSelection, matchMedia, ResizeObserver, setTimeout, uPlot */

const EVERY = 3000;
/** A slow link is given time; the next answer is asked for only after the last one. */
const TIMEOUT = 60_000;
const HEIGHT = 200;

const dark = matchMedia('(prefers-color-scheme: dark)');
const figures = [...document.querySelectorAll('figure[data-plot]')];

/** The times of the whole span, and for each series its values there; null where nothing was asked for. */
function pointsOf({ dataset: { plot, step, spans } }) {
  const rows = new Map();
  for (const row of document.querySelectorAll(`#${plot} tbody tr`)) {
    const at = Date.parse(row.querySelector('time').dateTime) / 1000;
    rows.set(
      at,
      Array.from(row.querySelectorAll('data'), ({ value }) => Number(value) * 100),
    );
  }
  const now = Date.parse(document.querySelector('#state time').dateTime) / 1000;
  const last = now - (now % step);
  const times = Array.from({ length: Number(spans) }, (_, index) => last - (spans - 1 - index) * step);
  return [times, ...[0, 1].map((series) => times.map((time) => rows.get(time)?.[series] ?? null))];
}

/** Without a value beside it, of which there would be no line. */
const isAlone = (values, index) => values[index] !== null && (values[index - 1] ?? values[index + 1] ?? null) === null;

/** All where there is room for them, and else those that no line shows. */
const shownPoints = ({ data }, series, all) =>
  all ? null : [...data[series].keys()].filter((index) => isAlone(data[series], index));

function optionsFor(figure) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`);
  const hours = figure.dataset.plot === 'hours';
  const axis = { stroke: colour('quiet'), font: '12px system-ui', ticks: { show: false } };
  const series = {
    width: 2,
    points: { filter: shownPoints },
    value: (_, value) => (value === null ? '–' : `${value.toFixed(1)} %`),
  };
  return {
    width: figure.clientWidth,
    height: HEIGHT,
    padding: [8, 24, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    cursor: { y: false, drag: { x: false } },
    scales: { y: { range: [0, 100] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 64,
        values: (_, times) =>
          times.map((time) => new Date(time * 1000).toISOString().slice(...(hours ? [11, 16] : [5, 10]))),
      },
      {
        ...axis,
        grid: { stroke: colour('line'), width: 1 },
        size: 52,
        values: (_, all) => all.map((each) => `${each} %`),
      },
    ],
    series: [
      {
        label: hours ? 'Hour' : 'Day',
        value: (_, time) =>
          time === null ? '' : new Date(time * 1000).toISOString().slice(...(hours ? [11, 16] : [0, 10])),
      },
      { ...series, label: 'By requests', stroke: colour('first') },
      { ...series, label: 'By bytes', stroke: colour('second'), dash: [6, 4] },
    ],
  };
}

function draw() {
  for (const figure of figures) {
    const points = pointsOf(figure);
    if (figure.plot) {
      figure.plot.setData(points);
    } else {
      figure.hidden = false;
      figure.plot = new uPlot(optionsFor(figure), points, figure);
      figure.plot.root.ariaHidden = 'true';
    }
  }
}

function redraw() {
  for (const figure of figures) {
    figure.plot.destroy();
    figure.plot = undefined;
  }
  draw();
}

/** What somebody is just selecting is left as it is. */
const isSelected = (part) => {
  const selection = getSelection();
  return selection !== null && !selection.isCollapsed && part.contains(selection.anchorNode);
};

async function refresh() {
  const response = await fetch('./', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT) });
  if (!response.ok) throw new Error(`answered ${response.status}`);
  const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
  for (const part of fresh.querySelectorAll('[data-live]')) {
    const shown = document.getElementById(part.id);
    if (!shown || shown.innerHTML === part.innerHTML || isSelected(shown)) continue;
    if (shown.contains(document.activeElement)) continue;
    shown.replaceChildren(...part.childNodes);
  }
  draw();
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const visible = async () => {
  while (document.hidden) {
    await new Promise((resolve) => document.addEventListener('visibilitychange', resolve, { once: true }));
  }
};

async function keepUpToDate() {
  const connection = document.getElementById('connection');
  for (;;) {
    await sleep(EVERY);
    await visible();
    try {
      await refresh();
      connection.textContent = '';
    } catch {
      connection.textContent = 'Cistern cannot be reached just now; these are the last figures it gave.';
    }
  }
}

draw();
dark.addEventListener('change', redraw);
new ResizeObserver(() => {
  for (const { plot, clientWidth } of figures) {
    if (plot.width !== clientWidth) plot.setSize({ width: clientWidth, height: HEIGHT });
  }
}).observe(document.getElementById('main'));
void keepUpToDate();
