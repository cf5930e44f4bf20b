/** A YAML file as values and as places: what it says, and the line and column where it says it. */
import { isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import type { KeyPath } from './rules.js';

export interface Place {
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
}

export interface Mistake extends Place {
  readonly message: string;
}

export class YamlSource {
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;

  constructor(text: string) {
    this.#lines = new LineCounter();
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
  }

  /**
   * What the file says, or what the YAML itself got wrong. Keys without a value are absent: a section whose every line is
   * commented out is not an error.
   */
  read(): { readonly value: unknown; readonly mistakes: readonly Mistake[] } {
    const found = [...this.#document.errors, ...this.#document.warnings];
    const mistakes = found.map(({ pos, message }) => ({ ...this.#at(pos[0]), message: firstLine(message) }));
    if (mistakes.length > 0) return { value: undefined, mistakes };
    try {
      return { value: withoutNulls(this.#document.toJS({ maxAliasCount: 100 })), mistakes };
    } catch (error) {
      // An alias without its anchor, or aliases that multiply.
      const message = firstLine(error instanceof Error ? error.message : String(error));
      return { value: undefined, mistakes: [{ line: 1, column: 1, message }] };
    }
  }

  /** Of the value at `path`, or of the deepest section on the way to it that the file has. */
  place(path: KeyPath): Place & { readonly found: boolean } {
    let node: unknown = this.#document.contents;
    let place: Place = { line: 1, column: 1 };
    for (const key of path) {
      const child = childOf(node, key);
      if (child === undefined) return { ...place, found: false };
      place = this.#placeOf(child.value) ?? this.#placeOf(child.key) ?? place;
      node = child.value;
    }
    return { ...place, found: true };
  }

  /** Of the key itself, which is what is wrong with an unknown one. */
  placeOfKey(path: KeyPath): Place & { readonly found: boolean } {
    const parent = path.slice(0, -1);
    let node: unknown = this.#document.contents;
    for (const key of parent) node = childOf(node, key)?.value;
    const last = path.at(-1);
    const place = last === undefined ? undefined : this.#placeOf(childOf(node, last)?.key);
    return place ? { ...place, found: true } : this.place(path);
  }

  #placeOf(node: unknown): Place | undefined {
    return isNode(node) && node.range ? this.#at(node.range[0]) : undefined;
  }

  #at(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

function childOf(node: unknown, key: string | number): { readonly key?: unknown; readonly value: unknown } | undefined {
  if (isSeq(node) && typeof key === 'number') return key < node.items.length ? { value: node.items[key] } : undefined;
  if (!isMap(node)) return undefined;
  const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key));
  return pair && { key: pair.key, value: pair.value };
}

const firstLine = (text: string): string => text.split('\n', 1).join('');

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value ?? undefined;
  const entries = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(entries.map(([key, item]) => [key, withoutNulls(item)]));
}
