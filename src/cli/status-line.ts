/** One line that is written over and over while something runs; nothing where nobody would see it move. */

export interface StatusLine {
  show(text: string): void;
  /** Leaves an empty line. */
  end(): void;
}

/** Back to the line's start, and erase to its end. */
const ERASE = '\r\u001B[K';

export function statusLine(screen: NodeJS.WriteStream | undefined): StatusLine {
  if (screen === undefined) return { show: () => undefined, end: () => undefined };
  return {
    show: (text) => void screen.write(ERASE + text.slice(0, Math.max(20, screen.columns - 1))),
    end: () => void screen.write(ERASE),
  };
}
