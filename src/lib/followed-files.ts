/**
 * Files that are read again when they change: certificates, lists of users. A renewal needs no restart, and one that went
 * wrong does no harm: what was read before stays in force until the files do, and the log says so once for each change.
 * They are looked at every few seconds, because watches do not survive the ways in which such files are replaced.
 */
import { stat } from 'node:fs/promises';
import type { Clock } from './clock.js';
import type { Logger } from './log.js';

const LOOK_MS = 2_000;

export interface FollowedFilesOptions<T> {
  readonly paths: readonly string[];
  /** Throws when the files will not do. */
  readonly read: () => Promise<T>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class FollowedFiles<T> {
  readonly #options: FollowedFilesOptions<T>;
  readonly #stop: () => void;
  #value: T;
  #version: string;
  #onChange: (value: T) => void = () => undefined;
  #complained: string | undefined;
  #looking: Promise<void> | undefined;

  private constructor(options: FollowedFilesOptions<T>, value: T, version: string) {
    this.#options = options;
    this.#value = value;
    this.#version = version;
    this.#stop = options.clock.every(LOOK_MS, () => void this.look());
  }

  /** Throws what `read` throws, and the system error of a file that is not there. */
  static async open<T>(options: FollowedFilesOptions<T>): Promise<FollowedFiles<T>> {
    // Taken before they are read: what changes meanwhile is noticed the next time.
    const version = await versionOf(options.paths);
    return new FollowedFiles(options, await options.read(), version);
  }

  /** As last read. */
  get value(): T {
    return this.#value;
  }

  /** `listener` is called with each new value; when it throws, the old one stays. */
  onChange(listener: (value: T) => void): void {
    this.#onChange = listener;
  }

  /** Looks now. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  close(): void {
    this.#stop();
  }

  async #look(): Promise<void> {
    const { paths, read, log } = this.#options;
    let version = 'missing';
    try {
      version = await versionOf(paths);
      if (version === this.#version) return;
      const value = await read();
      this.#onChange(value);
      this.#value = value;
      this.#version = version;
      log.info({ files: paths }, 'changed files read again');
    } catch (error) {
      if (version === this.#complained) return;
      this.#complained = version;
      log.error({ err: error, files: paths }, 'changed files are no good; what they held before stays in force');
    }
  }
}

/** Also tells apart files that were written in the same moment, or given the time of the one before. */
async function versionOf(paths: readonly string[]): Promise<string> {
  const stats = await Promise.all(paths.map((path) => stat(path, { bigint: true })));
  return stats.map(({ ino, ctimeNs, size }) => `${ino} ${ctimeNs} ${size}`).join();
}
