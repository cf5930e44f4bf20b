/** The upstreams of the configuration in force: opened, replaced by a reload, closed. */
import picomatch from 'picomatch';
import type { ConfiguredUpstream } from '../cache/doctor/upstream-states.js';
import type { UpstreamEntry } from '../cache/upstream-entry.js';
import { isCredentialed } from '../config/rules.js';
import type { UpstreamConfig } from '../config/schema.js';
import { systemClock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import type { UpstreamNames } from '../registry/naming.js';
import { RegistryUpstream } from '../upstream/registry-upstream.js';
import type { RequestTally } from '../upstream/request-tally.js';

interface OpenUpstream {
  readonly config: string;
  readonly aliases: readonly string[];
  readonly default: boolean;
  readonly upstream: RegistryUpstream;
  readonly entry: UpstreamEntry;
}

/** The configured upstreams. One whose configuration has not changed keeps its tokens and connections over a reload. */
export class ConfiguredUpstreams {
  readonly #log: Logger;
  readonly #ownListeners: () => readonly { address: string; port: number }[];
  #open = new Map<string, OpenUpstream>();

  constructor(log: Logger, ownListeners: () => readonly { address: string; port: number }[]) {
    this.#log = log;
    this.#ownListeners = ownListeners;
  }

  get current(): ReadonlyMap<string, UpstreamEntry> {
    return new Map([...this.#open].map(([name, { entry }]) => [name, entry]));
  }

  /** What was asked of each. */
  get requests(): ReadonlyMap<string, RequestTally> {
    return new Map([...this.#open].map(([name, { upstream }]) => [name, upstream.requests]));
  }

  /** In the order of the configuration. */
  get configured(): readonly ConfiguredUpstream[] {
    return [...this.#open.values()];
  }

  /** Throws CONFIG_INVALID and changes nothing when one of them cannot be opened. */
  replace(configs: readonly UpstreamConfig[]): void {
    const next = new Map<string, OpenUpstream>();
    for (const config of configs) {
      const text = JSON.stringify(config);
      const old = this.#open.get(config.name);
      // A secret prints as `[secret]`: that it has changed cannot be seen.
      const same = old?.config === text && config.auth.type !== 'basic' && config.auth.type !== 'bearer';
      const upstream = same
        ? old.upstream
        : RegistryUpstream.open({
            ...config,
            ownListeners: this.#ownListeners,
            clock: systemClock,
            log: this.#log,
            env: process.env,
          });
      const { name, aliases, default: isDefault } = config;
      const entry = { upstream, policy: policyOf(config) };
      next.set(name, { config: text, aliases, default: isDefault, upstream, entry });
    }
    // Pulls under way finish with the upstream they began with; its idle connections end by themselves.
    this.#open = next;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#open.values()].map(({ upstream }) => upstream.close()));
  }
}

function policyOf(config: UpstreamConfig): UpstreamEntry['policy'] {
  const allowed = config.allow.length === 0 ? () => true : picomatch(config.allow);
  const denied = config.deny.length === 0 ? () => false : picomatch(config.deny);
  return {
    ...config,
    permits: (repository) => allowed(repository) && !denied(repository),
    credentialed: isCredentialed(config),
  };
}

/** What clients may call them. */
export function namesOf(configs: readonly UpstreamConfig[]): UpstreamNames {
  return {
    names: new Map(
      configs.flatMap(({ name, aliases }) => [name, ...aliases].map((alias): [string, string] => [alias, name])),
    ),
    default: configs.find((config) => config.default)?.name,
  };
}
