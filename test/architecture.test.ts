/**
 * The house rules that a type checker cannot see: who may import whom, which file owns which package, and how long a file
 * may get. The table is DESIGN's; when it hurts, change the table on purpose, in a commit of its own.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, it } from 'node:test';
import ts from 'typescript';

const SOURCE = join(import.meta.dirname, '../src');

/** Each part of src/ and the parts it may import. Type-only imports count: they are dependencies too. */
const BELOW = ['lib', 'oci', 'content', 'metadata', 'upstream', 'catalog'];
const EDGE = [...BELOW, 'cache'];
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  oci: ['lib'],
  config: ['lib', 'oci'],
  content: ['lib', 'oci'],
  metadata: ['lib', 'oci'],
  upstream: ['lib', 'oci'],
  catalog: ['lib', 'oci', 'metadata'],
  cache: BELOW,
  registry: EDGE,
  control: EDGE,
  admin: EDGE,
  schedule: EDGE,
  daemon: [...EDGE, 'config', 'registry', 'control', 'admin', 'schedule'],
  cli: ['lib', 'oci', 'config', 'daemon', 'control/gen'],
  main: ['lib', 'cli'],
};

/** A package that only some files may import, so that it can be replaced there and is understood there. */
const OWNERS: readonly (readonly [name: RegExp, owner: RegExp])[] = [
  [/^(level|classic-level|abstract-level)$/, /^metadata\/(level-database|level-metadata-store|directory-lock)\.ts$/],
  [/^(snappy|@node-rs\/crc32)$/, /^metadata\/level-tables\.ts$/],
  [/^undici$/, /^upstream\/transport\.ts$/],
  [/^pino(-pretty)?$/, /^lib\/log\.ts$/],
  [/^node-cron$/, /^(schedule\/scheduler|config\/cron)\.ts$/],
  [/^prom-client$/, /^admin\//],
  [/^(@grpc\/.*|grpc-health-check)$/, /^(control|cli)\//],
  [/^@opentelemetry\//, /^(lib|daemon)\/tracing\.ts$/],
];

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => {
    const text = readFileSync(join(SOURCE, name), 'utf8');
    return { name, text, imports: ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName) };
  });

const partOf = (name: string): string => name.split('/')[0]!.replace(/\.ts$/, '');

/** The path below src/ that `specifier` names in `file`; undefined for a package or a Node.js module. */
function local(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return relative(SOURCE, resolve(SOURCE, dirname(file), specifier)).replace(/\.js$/, '.ts');
}

describe('the architecture', () => {
  it('lets each part import only the parts below it', () => {
    const breaches = files.flatMap(({ name, imports }) =>
      imports
        .filter((specifier) => {
          const target = local(name, specifier);
          if (target === undefined || partOf(target) === partOf(name)) return false;
          const allowed = MAY_IMPORT[partOf(name)] ?? [];
          return !allowed.some((part) => partOf(target) === part || target.startsWith(`${part}/`));
        })
        .map((specifier) => `${name} imports ${specifier}`),
    );
    assert.deepEqual(breaches, []);
  });

  it('knows every part', () => {
    assert.deepEqual(
      files.map(({ name }) => partOf(name)).filter((part) => !(part in MAY_IMPORT)),
      [],
    );
  });

  it('keeps each package with its owner', () => {
    const breaches = files.flatMap(({ name, imports }) =>
      imports
        .filter((specifier) => OWNERS.some(([pkg, owner]) => pkg.test(specifier) && !owner.test(name)))
        .map((specifier) => `${name} imports ${specifier}`),
    );
    assert.deepEqual(breaches, []);
  });

  it('names engines only where they are put together', () => {
    const composition = ['daemon/daemon.ts', 'daemon/configured-upstreams.ts', 'catalog/open-catalog.ts'];
    const engine = /(filesystem-blob-store|level-metadata-store|registry-upstream)\.js$/;
    const breaches = files.filter(
      ({ name, imports }) => !composition.includes(name) && imports.some((specifier) => engine.test(specifier)),
    );
    assert.deepEqual(
      breaches.map(({ name }) => name),
      [],
    );
  });

  it('has no file over 400 lines', () => {
    assert.deepEqual(
      files.filter(({ text }) => text.split('\n').length > 401).map(({ name }) => name),
      [],
    );
  });
});
