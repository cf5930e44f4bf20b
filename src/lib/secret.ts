/** A credential that cannot be printed by accident: logs, JSON, errors and `console.log` all show `[secret]`. */
import { readFileSync, statSync } from 'node:fs';
import { inspect } from 'node:util';

/**
 * Differs when the file was written or replaced, also by turning a symbolic link to another one, as Kubernetes does.
 * Undefined when it cannot be looked at.
 */
export function fileVersion(path: string): string | undefined {
  try {
    const { ino, ctimeMs, size } = statSync(path);
    return `${ino} ${ctimeMs} ${size}`;
  } catch {
    return undefined;
  }
}

export class Secret {
  readonly #read: () => string;

  private constructor(read: () => string) {
    this.#read = read;
  }

  static of(value: string): Secret {
    return new Secret(() => value);
  }

  /** Read again whenever the file is another version, so a rotated secret needs no restart. */
  static fromFile(path: string): Secret {
    let seen: string | undefined;
    let value = '';
    return new Secret(() => {
      const version = fileVersion(path);
      if (version === undefined || version !== seen) {
        value = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
        seen = version;
      }
      return value;
    });
  }

  /** The value itself. Throws a system error when the secret's file cannot be read. */
  reveal(): string {
    return this.#read();
  }

  toJSON(): string {
    return '[secret]';
  }

  toString(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
