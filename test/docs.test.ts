/** What the documents say in tables must be what the code says, and what they link to must be there. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { CLIENTS, snippetFor, type Mirror } from '../src/cli/mirror-snippets.js';
import { REASONS } from '../src/cache/outcome.js';
import { ERRORS } from '../src/lib/errors.js';
import { agreesWithDocument } from './support/documents.js';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const documents = [
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name)),
  ...readdirSync(ROOT),
].filter((name) => name.endsWith('.md'));

const MIRROR: Mirror = {
  url: new URL('http://mirror:5000'),
  location: 'mirror:5000',
  secure: false,
  registries: ['docker.io', 'ghcr.io'],
  hubByDefault: true,
};

/** What is printed for each client; clients that read the same share a section. */
function configurations(): string {
  const sections = new Map<string, string[]>();
  for (const client of CLIENTS) {
    const { path, content, note } = snippetFor(client, MIRROR);
    const place = path === undefined ? [] : [`In \`${path}\`:\n`];
    const text = [...place, `\`\`\`\n${content}\n\`\`\`\n`, note].join('\n');
    sections.set(text, [...(sections.get(text) ?? []), client]);
  }
  return [...sections]
    .map(([text, clients]) => `### ${clients.join(', ')}\n\n${text}\n`)
    .join('\n')
    .trimEnd();
}

describe('the documents', () => {
  it('have what mirror-config prints for each client', () => {
    agreesWithDocument('docs/clients.md', 'configurations', configurations);
  });

  it('have a line for each error, with its statuses', () => {
    const lines = read('docs/errors.md').match(/^\| `[A-Z_]+` \| [^|]+ \| [^|]+ \| [^|]+ \|/gm);
    const rows = Object.entries(ERRORS).map(
      ([code, row]) => `| \`${code}\` | ${row.http} | ${row.registry} | ${row.grpc} |`,
    );
    assert.deepEqual(lines, rows);
  });

  it('have a line for each reason in the access log, with what it tells', () => {
    const lines = read('docs/reasons.md').match(/^\| `[a-z-]+` \| .+ \|$/gm);
    const rows = Object.entries(REASONS).map(([reason, meaning]) => `| \`${reason}\` | ${meaning} |`);
    assert.deepEqual(lines, rows);
  });

  it('link to files that exist', () => {
    const broken = documents.flatMap((document) =>
      [...read(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !existsSync(join(ROOT, dirname(document), target)))
        .map((target) => `${document} -> ${target}`),
    );
    assert.deepEqual(broken, []);
  });

  it('name the tests of each threat, and those exist', () => {
    const rows = read('docs/security.md').match(/^\| (?!Threat|---).+ \|$/gm) ?? [];
    assert.ok(rows.length >= 20);
    for (const row of rows) {
      const tests = [...row.matchAll(/`(test\/[\w/.-]+)`/g)].map(([, name = '']) => name);
      assert.ok(tests.length > 0, row);
      assert.deepEqual(
        tests.filter((name) => !existsSync(join(ROOT, name))),
        [],
      );
    }
  });

  it('name source files that exist', () => {
    const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
    const named = [...read('docs/architecture.md').matchAll(/`([a-z/-]+\.ts)`/g)].map(([, name = '']) => name);
    const exists = (name: string) =>
      existsSync(join(ROOT, name)) || sources.some((source) => `/${source}`.endsWith(`/${name}`));
    assert.deepEqual(
      named.filter((name) => !exists(name)),
      [],
    );
  });
});
