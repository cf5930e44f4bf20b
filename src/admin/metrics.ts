/**
 * What Prometheus reads. Nothing is counted here: a scrape asks the parts how they are, and what they say is given to
 * prom-client, which knows the format, and the numbers of the process.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type Distribution, type Labels, type Plain, type Sample } from './metric-list.js';
import type { Seen } from './seen.js';

/** What Node.js and the system tell of the process. Not what has a gauge's type and a counter's name, and is slow besides. */
const LEFT_OUT = /^nodejs_active_/;

export class Metrics {
  readonly #registry = new Registry();
  readonly #look: () => Promise<Seen>;
  #seen: Seen | undefined;

  /** `look`: what the parts know now; asked once a scrape. */
  constructor(look: () => Promise<Seen>) {
    this.#look = look;
    for (const metric of METRICS) {
      if (metric.type === 'histogram') this.#addDistribution(metric);
      else this.#add(metric);
    }
    collectDefaultMetrics({ register: this.#registry });
    for (const { name } of this.#registry.getMetricsAsArray())
      if (LEFT_OUT.test(name)) this.#registry.removeSingleMetric(name);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    this.#seen = await this.#look();
    return this.#registry.metrics();
  }

  /** Those of the process. */
  async ofProcess(): Promise<readonly { readonly name: string; readonly help: string; readonly type: string }[]> {
    const own = new Set(METRICS.map(({ name }) => name));
    const all = await this.#registry.getMetricsAsJSON();
    return all.filter(({ name }) => !own.has(name)).map(({ name, help, type }) => ({ name, help, type: String(type) }));
  }

  #add({ type, name, help, labels, read }: Plain): void {
    const samples = (): readonly Sample[] => (this.#seen ? read(this.#seen) : []);
    const described = { name, help, labelNames: labels, registers: [this.#registry] };
    if (type === 'counter') {
      new Counter({
        ...described,
        collect() {
          empty(this, labels);
          for (const [value, where = {}] of samples()) if (value !== undefined) this.inc(where, value);
        },
      });
    } else {
      new Gauge({
        ...described,
        collect() {
          empty(this, labels);
          for (const [value, where = {}] of samples()) if (value !== undefined) this.set(where, value);
        },
      });
    }
  }

  #addDistribution({ name, help, labels, read }: Distribution): void {
    new KeptHistogram({ name, help, labelNames: labels, registers: [this.#registry] }, () =>
      this.#seen ? read(this.#seen) : [],
    );
  }
}

/** One without labels is 0 after a reset, which nobody said. */
function empty(metric: Counter | Gauge, labels: readonly string[]): void {
  metric.reset();
  if (labels.length === 0) metric.remove({});
}

/** A histogram of what was counted elsewhere: one of prom-client's own has to see every single value. */
class KeptHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #read: () => ReturnType<Distribution['read']>;

  constructor(options: ConstructorParameters<typeof Histogram>[0], read: () => ReturnType<Distribution['read']>) {
    super(options);
    this.#name = options.name;
    this.#help = options.help;
    this.#read = read;
  }

  /** Where prom-client's text and JSON are made from. */
  getForPromString() {
    const values = this.#read().flatMap(([{ bounds, counts, sum }, labels]) => {
      const sample = (suffix: string, value: number, le: Labels = {}) => ({
        metricName: `${this.#name}_${suffix}`,
        labels: { ...labels, ...le },
        sharedLabels: {},
        value,
      });
      let upTo = 0;
      const buckets = counts.map((count, index) =>
        sample('bucket', (upTo += count), { le: String(bounds[index] ?? '+Inf') }),
      );
      return [...buckets, sample('sum', sum), sample('count', upTo)];
    });
    return Promise.resolve({ name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values });
  }
}
