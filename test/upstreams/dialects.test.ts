/** The same suite over every known registry's dialect. What it sees is the table in docs/upstreams.md. */
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { DIALECTS } from '../support/dialects/all.js';
import { canEmulate, certificateFor } from '../support/dialects/emulation.js';
import { keepInDocument, ResultTable } from '../support/result-table.js';
import { ASKING, LIMITS } from './asking.js';
import { PULLING } from './pulling.js';
import { startScene, type Scenario, type Scene, type SceneOptions } from './scene.js';

const DOCUMENT = join(import.meta.dirname, '../../docs/upstreams.md');

/** Lasts as long as the tests of one dialect. */
class SharedScope {
  readonly #ends: (() => void | Promise<void>)[] = [];

  after(end: () => void | Promise<void>): void {
    this.#ends.push(end);
  }

  async end(): Promise<void> {
    for (const end of this.#ends) await end();
  }
}

const SUITES: Readonly<Record<string, readonly Scenario[]>> = { pulling: PULLING, asking: ASKING, limits: LIMITS };

describe('with the dialect of', { skip: canEmulate ? false : 'openssl is not installed' }, () => {
  const certificate = canEmulate ? certificateFor(DIALECTS) : undefined;
  after(() => certificate?.remove());
  const tables = Object.entries(SUITES).map(([name, scenarios]) => ({
    name,
    scenarios,
    seen: new ResultTable('Upstream', [...new Set(scenarios.map(({ column }) => column))]),
  }));

  for (const dialect of DIALECTS) {
    describe(dialect.registry, () => {
      const scope = new SharedScope();
      after(() => scope.end());
      const scenes = new Map<string, Promise<Scene>>();
      for (const { name, scenarios, seen } of tables) {
        for (const { column, run } of scenarios) {
          it(`${name}: ${column}`, async (t) => {
            seen.set(dialect.registry, column, 'FAILED');
            const start = (options: SceneOptions = {}) => {
              if (options.alone) return startScene(t, dialect, certificate!, options);
              const key = JSON.stringify(options);
              const scene = scenes.get(key) ?? startScene(scope, dialect, certificate!, options);
              scenes.set(key, scene);
              return scene;
            };
            seen.set(dialect.registry, column, await run(start, dialect));
          });
        }
      }
    });
  }

  it('the documents say what was seen', () => {
    for (const { name, seen } of tables) keepInDocument(DOCUMENT, name, seen.toString());
  });
});
