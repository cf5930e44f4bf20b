/** A credential that cannot be printed by accident: logs, JSON, errors and `console.log` all show `[secret]`. */
import { readFileSync, statSync } from 'node:fs';
import { inspect } from 'node:util';

export class Secret {
  readonly #read: () => string;

  private constructor(read: () => string) {
    this.#read = read;
  }

  static of(value: string): Secret {
    return new Secret(() => value);
  }

  /** Read again whenever the file's change time or size differs, so a rotated secret needs no restart. */
  static fromFile(path: string): Secret {
    let seen = '';
    let value = '';
    return new Secret(() => {
      const { ctimeMs, size } = statSync(path);
      const version = `${ctimeMs} ${size}`;
      if (version !== seen) {
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
