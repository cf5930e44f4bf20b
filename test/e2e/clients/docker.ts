/**
 * The Docker engine with its own image store: a private dockerd on a private containerd, without networks, and layers
 * unpacked by plain copies. What arrived is read back with `docker save`, which packs every layer again as it was.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, until } from '../support/processes.js';
import { type Client, digestsOfFiles, nameOf, type Place, type Reference, type RunningClient } from './client.js';
import { startContainerd } from './containerd.js';
import { withMountsOfItsOwn } from './programs.js';

export const docker: Client = {
  name: 'Docker engine',
  tried: 'real',
  configuredAs: 'docker',
  programs: ['dockerd', 'docker', 'containerd'],
  start,
  platforms: 'own',
  keeps: 'unpacked',
  listsTags: false,
};

async function start({ dir, config }: Place): Promise<RunningClient> {
  const containerd = await startContainerd('containerd', join(dir, 'containerd'));
  const daemonJson = join(dir, 'daemon.json');
  await writeFile(daemonJson, config);
  const socket = `unix://${join(dir, 'docker.sock')}`;
  const dockerd = withMountsOfItsOwn('dockerd', [
    `--config-file=${daemonJson}`,
    `--host=${socket}`,
    `--containerd=${containerd.socket}`,
    `--data-root=${join(dir, 'root')}`,
    `--exec-root=${join(dir, 'exec')}`,
    `--pidfile=${join(dir, 'pid')}`,
    '--iptables=false',
    '--ip6tables=false',
    '--bridge=none',
    '--storage-driver=vfs',
  ]);
  const cli = (...args: readonly string[]) =>
    run('docker', ['--host', socket, ...args], { DOCKER_CONFIG: join(dir, 'cli'), DOCKER_CONTEXT: '' });
  await until(() => cli('version').then(Boolean, () => false), 'dockerd', dockerd);

  async function readBack(references: readonly Reference[]): Promise<readonly string[]> {
    const saved = join(dir, 'saved');
    await rm(saved, { recursive: true, force: true });
    await mkdir(saved);
    await cli('save', '--output', join(saved, 'image.tar'), ...references.map(nameOf));
    await run('tar', ['--extract', '--directory', saved, '--file', join(saved, 'image.tar')]);
    // Beside each layer lie files of an older format, and the list of what is in the archive.
    return await digestsOfFiles(saved, (path) => /\/layer\.tar$|\/[0-9a-f]{64}\.json$/.test(path));
  }

  return {
    pull: async (references) => {
      const old = (await cli('image', 'ls', '--quiet', '--no-trunc')).split('\n').filter((id) => id !== '');
      if (old.length > 0) await cli('image', 'rm', '--force', ...new Set(old));
      for (const reference of references) await cli('pull', '--quiet', nameOf(reference));
      return await readBack(references);
    },
    stop: async () => {
      await dockerd.stop();
      await containerd.stop();
    },
  };
}
