/**
 * Reads the configuration: the file, with the environment over it and the command line over both. The answer is a whole,
 * checked `Config`, or every problem with the place where the user can mend it. Reading has no effect on anything.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { AppError, systemCode } from '../lib/errors.js';
import { nearest } from './nearest.js';
import { overridesOf, withOverride, type Override } from './overrides.js';
import { breachesOf, type KeyPath } from './rules.js';
import { configSchema, type Config } from './schema.js';
import { YamlSource } from './yaml-source.js';

export interface ConfigSource {
  /** Without a file there are defaults, environment and flags. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags?: readonly Override[];
}

/** Either `file` with `line` and `column`, or `source`, the variable or flag that is to blame. */
export interface ConfigProblem {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly source?: string;
  /** The key's path, such as `upstreams.0.tagTtl`; empty when the problem is the file itself. */
  readonly key: string;
  readonly message: string;
}

export type ConfigResult =
  | { readonly config: Config; readonly problems?: undefined }
  | { readonly config?: undefined; readonly problems: readonly ConfigProblem[] };

/** `file:line:column key: message`, or the variable's name in place of the file. */
export function formatProblem({ file, line, column, source, key, message }: ConfigProblem): string {
  const where = source ?? [file, line, column].filter((part) => part !== undefined).join(':');
  return [where, key === '' ? message : `${key}: ${message}`]
    .filter((part) => part !== '')
    .join(key === '' ? ': ' : ' ');
}

/** Throws AppError CONFIG_INVALID whose message has one line for each problem. */
export function loadConfig(source: ConfigSource): Config {
  const { config, problems } = readConfig(source);
  if (config) return config;
  throw new AppError('CONFIG_INVALID', problems.map(formatProblem).join('\n'));
}

export function readConfig({ file, env, flags = [] }: ConfigSource): ConfigResult {
  const overrides = [...overridesOf(env), ...flags];
  const yaml = file === undefined ? new YamlSource('') : open(file);
  if (!(yaml instanceof YamlSource)) return { problems: [yaml] };
  const located = file === undefined ? {} : { file };
  const { value, mistakes } = yaml.read();
  if (mistakes.length > 0) return { problems: mistakes.map((mistake) => ({ ...located, ...mistake, key: '' })) };

  const problems: ConfigProblem[] = [];
  const report = (path: KeyPath, message: string, aboutKey = false) => {
    const key = path.join('.');
    const place = aboutKey ? yaml.placeOfKey(path) : yaml.place(path);
    // Of two that set the same key the later one won; one that set something below it is to blame where the file is silent.
    const blamed =
      overrides.findLast((o) => startsWith(path, o.path)) ??
      (place.found ? undefined : overrides.find((o) => startsWith(o.path, path)));
    if (blamed) problems.push({ source: blamed.source, key, message });
    else if (file === undefined) problems.push({ key, message });
    else problems.push({ file, line: place.line, column: place.column, key, message });
  };

  let tree = value;
  for (const { source, path, value: text } of overrides) {
    try {
      tree = withOverride(tree, path, text);
    } catch (error) {
      problems.push({ source, key: path.join('.'), message: error instanceof Error ? error.message : String(error) });
    }
  }
  const parsed = configSchema.safeParse(tree ?? {});
  if (parsed.success && problems.length === 0) {
    const breaches = breachesOf(parsed.data);
    if (breaches.length === 0) return { config: parsed.data };
    for (const { path, message } of breaches) report(path, message);
  }
  for (const issue of parsed.error?.issues ?? []) {
    const path = issue.path.filter((part) => typeof part !== 'symbol');
    if (issue.code !== 'unrecognized_keys') report(path, messageOf(issue, at(tree, path)));
    else for (const key of issue.keys) report([...path, key], unknownKey(key, path), true);
  }
  return { problems: problems.toSorted(byPlace) };
}

function open(file: string): YamlSource | ConfigProblem {
  try {
    return new YamlSource(readFileSync(file, 'utf8'));
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    return { file, key: '', message: code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})` };
  }
}

function messageOf(issue: z.core.$ZodIssue, given: unknown): string {
  if (issue.code === 'custom') return issue.message;
  if (given === undefined) return 'is required';
  const choices =
    issue.code === 'invalid_value'
      ? issue.values.map(String)
      : issue.code === 'invalid_union'
        ? choicesOf(issue)
        : undefined;
  if (choices) return `expected ${choices.join(', ')}${typeof given === 'string' ? suggestion(given, choices) : ''}`;
  if (issue.code === 'too_small') return issue.origin === 'string' ? 'is empty' : issue.message;
  if (issue.code !== 'invalid_type') return issue.message;
  const words: Readonly<Record<string, string>> = {
    object: 'a section of keys',
    array: 'a list',
    string: 'text (quote it)',
  };
  return `expected ${words[issue.expected] ?? issue.expected}`;
}

const choicesOf = (issue: z.core.$ZodIssueInvalidUnion): readonly string[] =>
  'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];

function unknownKey(key: string, parent: KeyPath): string {
  const known = knownKeys(parent);
  return `is not a known key${suggestion(key, known) || `; known here: ${known.join(', ')}`}`;
}

function suggestion(word: string, words: readonly string[]): string {
  const near = nearest(word, words);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly oneOf?: readonly Shape[];
}

/** The keys that the schema has in the section at `path`, from all its variants. */
function knownKeys(path: KeyPath): readonly string[] {
  const root = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as Shape;
  const variants = (shape: Shape): readonly Shape[] => shape.oneOf ?? [shape];
  let shapes = variants(root);
  for (const key of path) {
    shapes = shapes.flatMap(({ items, properties }) => {
      const next = typeof key === 'number' ? items : properties?.[key];
      return next ? variants(next) : [];
    });
  }
  return [...new Set(shapes.flatMap(({ properties }) => Object.keys(properties ?? {})))];
}

const at = (tree: unknown, path: KeyPath): unknown =>
  path.reduce<unknown>((node, key) => {
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return undefined;
    return Reflect.get(node, key);
  }, tree);

const startsWith = (path: KeyPath, beginning: KeyPath): boolean => beginning.every((key, i) => path[i] === key);

const byPlace = (a: ConfigProblem, b: ConfigProblem): number =>
  (a.line ?? Infinity) === (b.line ?? Infinity)
    ? (a.column ?? 0) - (b.column ?? 0)
    : (a.line ?? Infinity) - (b.line ?? Infinity);
