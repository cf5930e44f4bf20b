/** Which metrics a PromQL expression uses: the identifiers that are left when all that is something else is taken away. */

/** Whose parentheses hold labels. */
const CLAUSES = /\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g;
const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'by', 'group_left', 'group_right', 'inf', 'nan']);

export function metricsIn(expression: string): readonly string[] {
  const bare = expression
    // Grafana's list of a label's values is a function of its own.
    .replace(/^label_values\((.*),\s*\w+\)$/, '$1')
    .replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/g, '')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, '')
    .replace(CLAUSES, '');
  const names = [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\w*\s*\()/g)];
  return [...new Set(names.map(([name]) => name))].filter(
    (name) => !WORDS.has(name.toLowerCase()) && !isPartOfNumber(bare, name),
  );
}

/** `5m` after an offset, `1e9`. */
const isPartOfNumber = (text: string, name: string): boolean => !new RegExp(`(^|[^\\w:.])${name}(?![\\w:])`).test(text);
