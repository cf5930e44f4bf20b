/**
 * What befell each digest, as clients, operators and the daemon's log told it: told again when one is lost, because a run
 * that met chance cannot be had again.
 */

/** Of what is told of one digest, and of what concerns all: the last ones matter. */
const MOST = 60;
const DIGEST = /sha256:[0-9a-f]{64}/g;

export class Evidence {
  readonly #ofDigest = new Map<string, string[]>();
  readonly #ofAll: string[] = [];

  /** A line of the daemon's log. */
  heard(line: string): void {
    for (const digest of new Set(line.match(DIGEST))) this.#add(digest, line);
  }

  /** Concerns some digests, or all of them. */
  note(text: string, digests?: Iterable<string>): void {
    const line = `${new Date().toISOString()} ${text}`;
    if (digests) for (const digest of digests) this.#add(digest, line);
    else push(this.#ofAll, line);
  }

  /** Line by line, in two parts: of this digest, and of all. */
  about(digest: string): string {
    const own = this.#ofDigest.get(digest) ?? [];
    return ['What befell it:', ...own, 'What befell all:', ...this.#ofAll].join('\n  ');
  }

  #add(digest: string, line: string): void {
    const lines = this.#ofDigest.get(digest) ?? [];
    this.#ofDigest.set(digest, lines);
    push(lines, line);
  }
}

function push(lines: string[], line: string): void {
  lines.push(line);
  if (lines.length > MOST) lines.shift();
}
