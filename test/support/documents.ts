/**
 * Parts of documents that are made by the code or by a test run, between two marks. With WRITE_DOCS=1 the part is written,
 * else it is compared, so a document cannot say what is not so.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** `make` is given what the document says now. */
export function agreesWithDocument(document: string, part: string, make: (before: string) => string): void {
  const path = join(ROOT, document);
  const text = readFileSync(path, 'utf8');
  const [begin, end] = [`<!-- ${part}: made by a test run -->\n`, `\n<!-- end of ${part} -->`];
  const from = text.indexOf(begin) + begin.length;
  const to = text.indexOf(end);
  assert.ok(from >= begin.length && to >= from, `${document} has no part ${part}`);
  const before = text.slice(from, to);
  const now = make(before);
  if (process.env.WRITE_DOCS === undefined) assert.equal(before, now, `${document} is out of date: ${part}`);
  else writeFileSync(path, text.slice(0, from) + now + text.slice(to));
}
