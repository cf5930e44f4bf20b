/**
 * Tables in the documents that are made from what tests saw. A run collects cells; at its end the table in the document
 * must be the very same, or is written, when that was asked for (`npm run docs:upstreams`).
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

const WRITE = process.env['WRITE_TABLES'] === '1';

export class ResultTable {
  readonly #corner: string;
  readonly #columns: readonly string[];
  readonly #rows = new Map<string, Map<string, string>>();

  /** `corner` is the head of the column that names the rows. */
  constructor(corner: string, columns: readonly string[]) {
    this.#corner = corner;
    this.#columns = columns;
  }

  /** Rows stand in the order of their first cells. */
  set(row: string, column: string, cell: string): void {
    const cells = this.#rows.get(row) ?? new Map<string, string>();
    this.#rows.set(row, cells.set(column, cell));
  }

  /** In Markdown, as the formatter wants it. A cell that no test filled is empty. */
  toString(): string {
    const rows = [...this.#rows].map(([row, cells]) => [
      row,
      ...this.#columns.map((column) => cells.get(column) ?? ''),
    ]);
    const head = [this.#corner, ...this.#columns];
    const widths = head.map((_, i) => Math.max(3, ...[head, ...rows].map((cells) => cells[i]?.length ?? 0)));
    const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
    return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
  }
}

/** What stands in the document between `<!-- name -->` and `<!-- /name -->` is `text`, or becomes it. */
export function keepInDocument(path: string, name: string, text: string): void {
  const document = readFileSync(path, 'utf8');
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [before, after] = [document.indexOf(begin), document.indexOf(end)];
  assert.ok(before >= 0 && after > before, `${path} has a place for the table ${name}`);
  const fresh = `${document.slice(0, before)}${begin}\n\n${text}\n\n${document.slice(after)}`;
  if (WRITE) writeFileSync(path, fresh);
  else assert.equal(document, fresh, `${path} does not say what the tests saw; write it anew from a run`);
}
