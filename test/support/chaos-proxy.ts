/**
 * A TCP proxy that breaks connections at an exact byte, below HTTP: reset, close, stall, delay or throttle, in either
 * direction. Rules are taken by connections in the order they are accepted.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { reset } from './listener.js';

/** `up` is what the client sends, `down` what the server answers. */
export type Direction = 'up' | 'down';

export interface ChaosRule {
  /** `down` without it. */
  readonly direction?: Direction;
  /** Bytes that pass unharmed; 0 breaks before the first. */
  readonly after: number;
  readonly act: 'rst' | 'fin' | 'stall' | { readonly delay: number } | { readonly bytesPerSecond: number };
  /** Connections it applies to; one without it. */
  readonly times?: number;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export class ChaosProxy {
  readonly #listener: Server;
  readonly #to: number;
  readonly #pairs = new Set<Pair>();
  readonly #rules: { readonly rule: ChaosRule; left: number }[] = [];
  /** Accepted so far. */
  connections = 0;
  /** Bytes passed on, in each direction. */
  readonly passed: Record<Direction, number> = { up: 0, down: 0 };

  private constructor(listener: Server, to: number) {
    this.#listener = listener;
    this.#to = to;
    listener.on('connection', (client: Socket) => this.#accept(client));
  }

  static async start(to: number): Promise<ChaosProxy> {
    const listener = createServer({ allowHalfOpen: true });
    const proxy = new ChaosProxy(listener, to);
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  /** Breaks the next connection (or the next `times`). */
  next(rule: ChaosRule): void {
    this.#rules.push({ rule, left: rule.times ?? 1 });
  }

  /** Resets every connection that is open now. */
  reset(): void {
    for (const { client, server } of this.#pairs) {
      reset(client);
      reset(server);
    }
  }

  async stop(): Promise<void> {
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    this.reset();
    await closed;
  }

  #accept(client: Socket): void {
    this.connections++;
    const server = connect({ port: this.#to, host: '127.0.0.1', allowHalfOpen: true });
    const pair = { client, server };
    this.#pairs.add(pair);
    const rule = this.#take();
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => reset(other));
      socket.on('close', () => {
        this.#pairs.delete(pair);
        other.destroy();
      });
    }
    void this.#pump(pair, 'up', rule?.direction === 'up' ? rule : undefined);
    void this.#pump(pair, 'down', rule !== undefined && rule.direction !== 'up' ? rule : undefined);
  }

  #take(): ChaosRule | undefined {
    const first = this.#rules[0];
    if (!first) return undefined;
    if (--first.left <= 0) this.#rules.shift();
    return first.rule;
  }

  /** Copies one direction until it ends, breaks, or the rule breaks it. */
  async #pump(pair: Pair, direction: Direction, rule: ChaosRule | undefined): Promise<void> {
    const [from, to] = direction === 'up' ? [pair.client, pair.server] : [pair.server, pair.client];
    let left = rule?.after ?? Infinity;
    let armed = rule;
    try {
      for await (const data of from as AsyncIterable<Buffer>) {
        const whole = data.subarray(0, Math.min(left, data.length));
        left -= whole.length;
        if (whole.length > 0) await this.#write(to, whole, direction);
        const rest = data.subarray(whole.length);
        if (armed !== undefined && left <= 0) {
          const { act } = armed;
          if (!(await this.#act(pair, act, direction, rest))) return;
          // A delay is served once; every other rule holds for the rest of the connection.
          if (typeof act !== 'string' && 'delay' in act) {
            armed = undefined;
            left = Infinity;
          }
        }
      }
      to.end();
    } catch {
      // A reset on either side; the other one learns of it through the 'error' and 'close' handlers.
    }
  }

  /** False when the direction is over. */
  async #act(pair: Pair, act: ChaosRule['act'], direction: Direction, rest: Buffer): Promise<boolean> {
    const to = direction === 'up' ? pair.server : pair.client;
    if (act === 'rst') {
      reset(pair.client);
      reset(pair.server);
      return false;
    }
    if (act === 'fin') {
      pair.client.destroySoon();
      pair.server.destroySoon();
      return false;
    }
    if (act === 'stall') {
      await once(pair.client, 'close');
      return false;
    }
    if ('delay' in act) {
      await sleep(act.delay);
      if (rest.length > 0) await this.#write(to, rest, direction);
      return true;
    }
    const slice = Math.max(1, Math.floor(act.bytesPerSecond / 20));
    for (let at = 0; at < rest.length; at += slice) {
      await this.#write(to, rest.subarray(at, at + slice), direction);
      await sleep(50);
    }
    return true;
  }

  #write(to: Socket, bytes: Buffer, direction: Direction): Promise<void> {
    this.passed[direction] += bytes.length;
    return new Promise((resolve, reject) => to.write(bytes, (error) => (error ? reject(error) : resolve())));
  }
}
