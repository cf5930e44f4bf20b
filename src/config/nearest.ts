/** What somebody who mistyped a word meant. */

/** A word that takes few changed letters, ignoring case, or that was only begun; undefined when none is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(word.length / 3));
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const candidate of words) {
    const distance = distanceBetween(simplified(word.slice(0, 100)), simplified(candidate));
    if (distance >= word.length) continue;
    if (distance <= limit && distance < (best?.distance ?? Infinity)) best = { word: candidate, distance };
  }
  return best?.word ?? (word.length < 3 ? undefined : words.find((candidate) => candidate.startsWith(word)));
}

const simplified = (word: string): string => word.toLowerCase().replaceAll(/[-_]/g, '');

/** Levenshtein's, a row at a time. */
function distanceBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
