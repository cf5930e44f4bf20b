/**
 * Reads WWW-Authenticate: any number of challenges, in any number of headers, each a scheme with parameters or a token
 * (RFC 9110, 11.6.1). What does not fit the grammar is skipped; it never throws, and takes time linear in its input.
 */

export interface Challenge {
  /** Lower case. */
  readonly scheme: string;
  /** Names in lower case; of a repeated name the first. */
  readonly parameters: ReadonlyMap<string, string>;
}

const LONGEST = 16 * 1024;
const MOST = 32;

const SEPARATORS = /[\s,]*/y;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\[^])*)"?/y;
/** What follows a scheme instead of parameters, as in `Negotiate YWJj==`. */
const TOKEN68 = /[ \t]+[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const JUNK = /[^,\s]*/y;

export function parseChallenges(headers: readonly string[]): Challenge[] {
  return headers.flatMap(parseHeader).slice(0, MOST);
}

function parseHeader(header: string): Challenge[] {
  const text = header.slice(0, LONGEST);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text) ?? undefined;
    if (match) at = pattern.lastIndex;
    return match;
  };
  for (take(SEPARATORS); at < text.length; take(SEPARATORS)) {
    const [word] = take(TOKEN) ?? [];
    if (word === undefined) {
      take(JUNK);
    } else if (take(EQUALS)) {
      const quoted = take(QUOTED)?.[1];
      const value = quoted === undefined ? (take(TOKEN)?.[0] ?? '') : quoted.replace(/\\([^])/g, '$1');
      const parameters = challenges.at(-1)?.parameters;
      if (parameters && !parameters.has(word.toLowerCase())) parameters.set(word.toLowerCase(), value);
    } else {
      challenges.push({ scheme: word.toLowerCase(), parameters: new Map() });
      take(TOKEN68);
    }
  }
  return challenges;
}
