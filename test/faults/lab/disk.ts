/**
 * File systems of a test's own, to fill, to shut down as a power cut does, and to mount again. All but the first need
 * root.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../../support/eventually.js';
import type { Scope } from '../../support/tmp.js';
import { unless } from './skip.js';

const run = promisify(execFile);

export type JournaledKind = 'ext4' | 'xfs';

/** Why a test that mounts cannot run here; false when it can. */
export const withoutRoot = unless(process.getuid?.() === 0, 'mounting needs root');

/** An empty tmpfs at `path`, unmounted when the scope ends. `inodes`: no more files than that. */
export async function mountTmpfs(scope: Scope, path: string, size: string, inodes?: number): Promise<void> {
  await mkdir(path, { recursive: true });
  const options = inodes === undefined ? `size=${size}` : `size=${size},nr_inodes=${inodes}`;
  await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
  scope.after(() => unmount(path));
}

/** Linux' EXT4_IOC_SHUTDOWN, which XFS knows too; 2 is "drop the log": nothing that was not synced survives. */
const SHUT_DOWN = 'my $how = pack("L", 2); open(my $d, "<", $ARGV[0]) or die $!; ioctl($d, 0x8004587d, $how) or die $!';

const MAKE: Record<
  JournaledKind,
  { readonly size: number; readonly command: string; readonly args: readonly string[] }
> = {
  ext4: { size: 256 * 1024 * 1024, command: 'mkfs.ext4', args: ['-q', '-E', 'lazy_itable_init=0'] },
  // The least that XFS takes.
  xfs: { size: 320 * 1024 * 1024, command: 'mkfs.xfs', args: ['-q'] },
};

/** A journaled file system in a file. */
export class LoopDisk {
  readonly path: string;
  readonly #image: string;

  private constructor(path: string, image: string) {
    this.path = path;
    this.#image = image;
  }

  /** Made and mounted; unmounted and removed when the scope ends. */
  static async create(scope: Scope, dir: string, kind: JournaledKind): Promise<LoopDisk> {
    const disk = new LoopDisk(join(dir, 'disk'), join(dir, 'disk.img'));
    const { size, command, args } = MAKE[kind];
    await mkdir(disk.path, { recursive: true });
    await writeFile(disk.#image, '');
    await truncate(disk.#image, size);
    await run(command, [...args, disk.#image]);
    await disk.#mount();
    scope.after(async () => {
      await unmount(disk.path);
      await rm(disk.#image, { force: true });
    });
    return disk;
  }

  /** From now on every write fails, and what was not synced is lost. At once: nothing else of this process runs before. */
  cutPower(): void {
    execFileSync('perl', ['-e', SHUT_DOWN, this.path]);
  }

  /** What the next boot finds. Whoever has files open there must have ended. */
  async mountAgain(): Promise<void> {
    await unmount(this.path);
    // A container that was started meanwhile has a copy of every mount: until it ends, the next mount would be of the same
    // file system, still shut down.
    await eventually(
      async () => (await run('losetup', ['-j', this.#image])).stdout === '',
      'the file system is gone',
      60_000,
    );
    await this.#mount();
  }

  async #mount(): Promise<void> {
    await run('mount', ['-o', 'loop', this.#image, this.path]);
  }
}

async function unmount(path: string): Promise<void> {
  await run('umount', [path]);
}
