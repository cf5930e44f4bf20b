/** `serve` around a daemon that only notes what it is told: start, signals, and how everything ends. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { serve, type RunningDaemon } from '../../src/cli/serve.js';
import type { Config } from '../../src/config/schema.js';
import { AppError } from '../../src/lib/errors.js';
import type { Logger } from '../../src/lib/log.js';
import { recordedTerminal } from './terminal.js';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cistern-serve-'));
  file = join(dir, 'cistern.yaml');
  writeFileSync(file, 'upstreams: [{ name: docker.io }]\n');
});
afterEach(() => rmSync(dir, { recursive: true }));

class World {
  readonly terminal = recordedTerminal();
  readonly signals = new EventEmitter();
  /** Emits `started`, `reloaded`, `logged`. */
  readonly news = new EventEmitter();
  readonly logged: string[] = [];
  logger: Logger | undefined;
  flushed = false;
  stops = 0;
  daemon: RunningDaemon = {
    addresses: { registry: '127.0.0.1:1', admin: '127.0.0.1:2' },
    reload: (config) => {
      this.news.emit('reloaded', config);
    },
    stop: () => {
      this.stops++;
      return Promise.resolve();
    },
  };

  run(startDaemon: (config: Config) => Promise<RunningDaemon> = () => Promise.resolve(this.daemon), options = {}) {
    const write = (_: object, message: string) => {
      this.logged.push(message);
      this.news.emit('logged', message);
    };
    const logger: Logger = { level: 'info', debug: write, info: write, warn: write, error: write, child: () => logger };
    this.logger = logger;
    return serve({ config: file, ...options }, this.terminal, {
      startDaemon,
      signals: this.signals,
      createLog: () => ({ logger, flush: () => void (this.flushed = true) }),
    });
  }
}

describe('serve', () => {
  it('gives the daemon the configuration, flags included', async () => {
    const world = new World();
    let seen: Config | undefined;
    const ended = world.run((config) => ((seen = config), Promise.resolve(world.daemon)), {
      dataDir: dir,
      logLevel: 'warn',
    });
    world.signals.emit('SIGTERM');
    assert.equal(await ended, 0);
    assert.equal(seen?.dataDir, dir);
    assert.equal(seen.log.level, 'warn');
  });

  it('ends with 2 and every problem when the configuration is bad, without starting anything', async () => {
    writeFileSync(file, 'a: 1\nb: 2\n');
    const world = new World();
    assert.equal(await world.run(() => assert.fail('started')), 2);
    const [problems, ...more] = world.terminal.stderr;
    assert.deepEqual(more, []);
    // Which keys are known is the schema's business, and its tests'.
    assert.deepEqual(
      problems!.split('\n').map((line) => line.replace(/; known here: dataDir, .*/, '')),
      [`${file}:1:1 a: is not a known key`, `${file}:2:1 b: is not a known key`],
    );
  });

  for (const signal of ['SIGTERM', 'SIGINT']) {
    it(`drains on ${signal}, ends with 0, and leaves no listener behind`, async () => {
      const world = new World();
      const ended = world.run();
      world.signals.emit(signal, signal);
      assert.equal(await ended, 0);
      assert.equal(world.stops, 1);
      assert.ok(world.flushed);
      assert.deepEqual(world.signals.eventNames(), []);
    });
  }

  it('ends at once on a second signal, however long the draining takes', async () => {
    const world = new World();
    world.daemon = { ...world.daemon, stop: () => new Promise(() => undefined) };
    const ended = world.run();
    world.signals.emit('SIGTERM');
    world.signals.emit('SIGINT');
    assert.equal(await ended, 1);
  });

  it('stops a daemon that was still starting when the signal came', async () => {
    const world = new World();
    const gate = new EventEmitter();
    const ended = world.run(async () => {
      await once(gate, 'open');
      return world.daemon;
    });
    world.signals.emit('SIGTERM');
    assert.equal(world.stops, 0);
    gate.emit('open');
    assert.equal(await ended, 0);
    assert.equal(world.stops, 1);
  });

  it('ends with 1 when draining fails', async () => {
    const world = new World();
    world.daemon = { ...world.daemon, stop: () => Promise.reject(new Error('stuck')) };
    const ended = world.run();
    world.signals.emit('SIGTERM');
    assert.equal(await ended, 1);
    assert.ok(world.logged.includes('could not stop in order'));
  });

  it('reads the file again on SIGHUP', async () => {
    const world = new World();
    const ended = world.run();
    await once(world.news, 'logged');
    writeFileSync(file, 'upstreams: [{ name: ghcr.io }]\nlog: { level: debug }\n');
    const logged = once(world.news, 'logged');
    const reloaded = once(world.news, 'reloaded') as Promise<[Config]>;
    world.signals.emit('SIGHUP');
    const [config] = await reloaded;
    assert.equal(config.upstreams[0]?.name, 'ghcr.io');
    assert.deepEqual(await logged, ['configuration read again']);
    assert.equal(world.logger?.level, 'debug');
    world.signals.emit('SIGTERM');
    assert.equal(await ended, 0);
  });

  it('keeps the old configuration when the new one is bad, and says so', async () => {
    const world = new World();
    world.news.on('reloaded', () => assert.fail('reloaded'));
    const ended = world.run();
    writeFileSync(file, 'upstreams: 7\n');
    await once(world.news, 'logged');
    const logged = once(world.news, 'logged');
    world.signals.emit('SIGHUP');
    assert.deepEqual(await logged, ['configuration not reloaded; the old one stays in force']);
    world.signals.emit('SIGTERM');
    assert.equal(await ended, 0);
  });

  for (const event of ['uncaughtException', 'unhandledRejection']) {
    it(`logs an ${event} and ends with 1`, async () => {
      const world = new World();
      const ended = world.run();
      world.signals.emit(event, new Error('bug'));
      assert.equal(await ended, 1);
      assert.ok(world.logged.includes('unexpected failure'));
      assert.ok(world.flushed);
    });
  }
});

describe('a daemon that cannot start', () => {
  async function failure(start: () => Promise<unknown>) {
    const world = new World();
    const code = await world.run(async () => {
      await start();
      return world.daemon;
    });
    return { code, stderr: world.terminal.stderr, logged: world.logged };
  }

  it('is one line and 2 for a directory in use and a configuration that only the daemon can judge', async () => {
    for (const code of ['DIRECTORY_IN_USE', 'CONFIG_INVALID'] as const) {
      const found = await failure(() => Promise.reject(new AppError(code, 'why')));
      assert.deepEqual(found, { code: 2, stderr: ['cistern: why'], logged: [] });
    }
  });

  it('is one line and 2 for a port in use, also when the cause is wrapped', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    assert.ok(typeof address === 'object' && address !== null);
    const found = await failure(async () => {
      const second = createServer().listen(address.port, '127.0.0.1');
      const [error] = (await once(second, 'error')) as [Error];
      throw new AppError('INTERNAL', 'wrapped', { cause: error });
    });
    taken.close();
    assert.equal(found.code, 2);
    assert.match(
      found.stderr.join('\n'),
      new RegExp(`^cistern: 127\\.0\\.0\\.1:${address.port} is in use by another process; .*$`),
    );
  });

  it('is one line and 2 for an address of another machine', async () => {
    const { code, stderr } = await failure(async () => {
      const [error] = (await once(createServer().listen(0, '192.0.2.1'), 'error')) as [Error];
      throw error;
    });
    assert.equal(code, 2);
    assert.match(
      stderr.join('\n'),
      /^cistern: 192\.0\.2\.1\S* is no address of this machine; change the listen address$/,
    );
  });

  it('is one line and 2 for a data directory that cannot be', async () => {
    const path = join(dir, 'file', 'var');
    writeFileSync(join(dir, 'file'), '');
    const { code, stderr } = await failure(() => mkdir(path, { recursive: true }));
    assert.equal(code, 2);
    assert.deepEqual(stderr, [`cistern: ${path} is in the way of a directory (ENOTDIR)`]);
  });

  for (const [code, expected] of [
    ['EACCES', /^cistern: \/var\/x cannot be written by user \d+ \(EACCES\)$/],
    ['EROFS', /^cistern: \/var\/x is on a read-only file system \(EROFS\)$/],
  ] as const) {
    // Root may write everywhere, so the system's error is made here.
    it(`is one line and 2 for ${code}`, async () => {
      const error = Object.assign(new Error(code), { code, syscall: 'mkdir', path: '/var/x' });
      const { code: exit, stderr } = await failure(() => Promise.reject(error));
      assert.equal(exit, 2);
      assert.match(stderr.join('\n'), expected);
    });
  }

  it('is logged with its stack and 1 for anything else', async () => {
    const found = await failure(() => Promise.reject(new TypeError('bug')));
    assert.deepEqual(found, { code: 1, stderr: [], logged: ['could not start'] });
  });
});
