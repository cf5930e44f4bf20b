/** What the run found out, as the table of docs/clients.md. */
import type { Client } from './client.js';

/** In the order of the table. */
export const SCENARIOS = ['cold', 'warm', 'upstream down', 'upstream 429', 'fault in mid-blob'] as const;

export type Scenario = (typeof SCENARIOS)[number];

const WITHOUT_UPSTREAM: ReadonlySet<Scenario> = new Set(['upstream down', 'upstream 429']);

/** A row a client: `ok` when every kind of image arrived, else what did not. */
export class Results {
  readonly #kinds: readonly string[];
  readonly #passed = new Map<string, boolean>();

  constructor(kinds: readonly string[]) {
    this.#kinds = kinds;
  }

  /** Fails what `work` fails, and keeps which it was. */
  async record(client: Client, scenario: Scenario, kind: string, work: () => Promise<void>): Promise<void> {
    this.#passed.set(key(client, scenario, kind), false);
    await work();
    this.#passed.set(key(client, scenario, kind), true);
  }

  /** Undefined for a client that was not tried in everything. */
  row(client: Client): string | undefined {
    const cells = SCENARIOS.map((scenario) => this.#cell(client, scenario));
    if (cells.includes(undefined)) return undefined;
    return `| ${[client.name, client.tried, ...cells].join(' | ')} |`;
  }

  #cell(client: Client, scenario: Scenario): string | undefined {
    const outcomes = this.#kinds.map((kind) => this.#passed.get(key(client, scenario, kind)));
    if (outcomes.includes(undefined)) return undefined;
    const failed = this.#kinds.filter((_, at) => !outcomes[at]);
    if (failed.length > 0) return `failed: ${failed.join(', ')}`;
    if (client.tried === 'real') return 'ok';
    return client.listsTags && WITHOUT_UPSTREAM.has(scenario) ? 'replayed; tags: error' : 'replayed';
  }
}

const key = (client: Client, scenario: Scenario, kind: string): string => `${client.name}/${scenario}/${kind}`;

const head: readonly string[] = ['Client', 'Tried', ...SCENARIOS];

export const table = (rows: readonly string[]): string =>
  [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows].join('\n');
