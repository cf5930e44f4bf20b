/** The examples in deploy/ are whole, agree with the image and the documents, and say nothing that the program does not know. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { snippetFor, type Mirror } from '../../src/cli/mirror-snippets.js';
import { readConfig } from '../../src/config/load.js';
import { parseSize } from '../../src/config/quantities.js';
import { goTool } from '../e2e/clients/programs.js';
import { MAIN } from '../e2e/support/command.js';
import { Program, run, stopPrograms, until } from '../e2e/support/processes.js';
import { temporaryDirectory } from '../support/tmp.js';
import { unlessInstalled } from './needs.js';

const MIRROR: Mirror = {
  url: new URL('http://mirror:5000'),
  location: 'mirror:5000',
  secure: false,
  registries: ['docker.io', 'ghcr.io'],
  hubByDefault: true,
};

/** What the image sets, by the last stage of the Dockerfile. */
async function imageEnvironment(): Promise<Record<string, string>> {
  const text = (await readFile('Dockerfile', 'utf8')).split('\nFROM ').at(-1)!;
  return Object.fromEntries(
    [...text.matchAll(/\b(CISTERN_\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]),
  );
}

after(stopPrograms);

/** What lies at `path` in something that was read from YAML. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((node, key) => (node as Record<string | number, unknown> | undefined)?.[key], value);
}

/** Also what `kubectl kustomize` does. */
const KUSTOMIZE = goTool('kustomize');

describe('the Kubernetes manifests', { skip: unlessInstalled(KUSTOMIZE) }, () => {
  let objects: readonly unknown[];
  const find = (kind: string, name: string | RegExp): unknown =>
    objects.find((each) => at(each, 'kind') === kind && String(at(each, 'metadata', 'name')).match(name));
  before(async () => {
    objects = parseAllDocuments(await run(KUSTOMIZE, ['build', 'deploy/kubernetes/prometheus'])).map((document) => {
      assert.deepEqual(document.errors, []);
      return document.toJS() as unknown;
    });
  });

  it('are one of each, in one namespace', () => {
    assert.deepEqual(objects.map((each) => String(at(each, 'kind'))).sort(), [
      'ConfigMap',
      'DaemonSet',
      'Namespace',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
      'Service',
      'ServiceMonitor',
      'StatefulSet',
    ]);
    for (const each of objects) {
      if (at(each, 'kind') !== 'Namespace') assert.equal(at(each, 'metadata', 'namespace'), 'cistern');
    }
  });

  it('run the version of the package, as the user of the image, with nothing to write but the volume', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    const pod = at(find('StatefulSet', 'cistern'), 'spec', 'template', 'spec');
    assert.equal(at(pod, 'containers', 0, 'image'), `cistern:${version}`);
    assert.match(
      await readFile('Dockerfile', 'utf8'),
      new RegExp(`^USER ${String(at(pod, 'securityContext', 'runAsUser'))}:`, 'm'),
    );
    assert.equal(at(pod, 'securityContext', 'runAsNonRoot'), true);
    assert.equal(at(pod, 'containers', 0, 'securityContext', 'readOnlyRootFilesystem'), true);
  });

  it('have a configuration that the image accepts, with a store that its volume can hold', async () => {
    const set = find('StatefulSet', 'cistern');
    const map = find('ConfigMap', /^cistern-/);
    // By its hash, so that a change of it starts the pod again.
    const volumes = at(set, 'spec', 'template', 'spec', 'volumes');
    assert.equal(at(volumes, 0, 'configMap', 'name'), at(map, 'metadata', 'name'));
    const file = join(await temporaryDirectory({ after }), 'cistern.yaml');
    await writeFile(file, String(at(map, 'data', 'cistern.yaml')));
    const { config, problems } = readConfig({ file, env: await imageEnvironment() });
    assert.deepEqual(problems, undefined);
    const request = at(set, 'spec', 'volumeClaimTemplates', 0, 'spec', 'resources', 'requests', 'storage');
    assert.ok(parseSize(`${String(request)}B`) >= config.storage.maxSize + config.storage.minFree);
  });

  it('select what is there, and ask at ports and paths that the image has', async () => {
    const template = at(find('StatefulSet', 'cistern'), 'spec', 'template');
    const labels = at(template, 'metadata', 'labels');
    const ports = at(template, 'spec', 'containers', 0, 'ports') as { name: string; containerPort: number }[];
    const environment = await imageEnvironment();
    const portOf = (name: string) => ports.find((port) => port.name === name)?.containerPort;
    assert.equal(environment['CISTERN_REGISTRY__LISTEN'], `0.0.0.0:${portOf('registry')}`);
    assert.equal(environment['CISTERN_ADMIN__LISTEN'], `0.0.0.0:${portOf('admin')}`);
    const services = objects.filter((each) => at(each, 'kind') === 'Service');
    for (const service of services) {
      assert.deepEqual(at(service, 'spec', 'selector'), labels);
      assert.ok(portOf(String(at(service, 'spec', 'ports', 0, 'targetPort'))) !== undefined);
    }
    for (const kind of ['PodDisruptionBudget', 'NetworkPolicy']) {
      const spec = at(find(kind, 'cistern'), 'spec');
      assert.deepEqual(at(spec, 'selector', 'matchLabels') ?? at(spec, 'podSelector', 'matchLabels'), labels, kind);
    }
    const monitored = at(find('ServiceMonitor', 'cistern'), 'spec', 'selector', 'matchLabels') as object;
    const matching = services.filter((service) =>
      Object.entries(monitored).every(([key, value]) => at(service, 'metadata', 'labels', key) === value),
    );
    assert.deepEqual(
      matching.map((service) => at(service, 'metadata', 'name')),
      ['cistern-admin'],
    );
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
      const asked = at(template, 'spec', 'containers', 0, probe, 'httpGet');
      assert.equal(at(asked, 'port'), 'admin');
      assert.equal(at(asked, 'path'), probe === 'livenessProbe' ? '/healthz' : '/readyz');
    }
  });

  it('write what mirror-config says for the port of the nodes, and take it away in the end', async (t) => {
    const dir = await temporaryDirectory(t);
    const [script] = at(find('DaemonSet', 'nodes'), 'spec', 'template', 'spec', 'containers', 0, 'args') as [string];
    const nodePort = at(find('Service', /^cistern$/), 'spec', 'ports', 0, 'nodePort');
    const bin = join(dir, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'cistern'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
    await chmod(join(bin, 'cistern'), 0o755);
    const file = join(dir, '_default/hosts.toml');
    const env = { NODE: '10.0.0.7', PATH: `${bin}:${process.env['PATH'] ?? ''}` };
    const program = new Program('sh', ['-c', script.replaceAll('/certs.d', dir)], { env });
    // It ends its own child then, which would keep this file from ending.
    t.after(() => program.child.kill('SIGTERM'));
    await until(() => existsSync(file), 'the file', program);
    const url = new URL(`http://10.0.0.7:${String(nodePort)}`);
    assert.equal(
      await readFile(file, 'utf8'),
      `${snippetFor('containerd', { ...MIRROR, url, location: url.host }).content}\n`,
    );
    program.child.kill('SIGTERM');
    await until(() => !existsSync(file), 'its end');
  });
});

describe('the other examples', () => {
  it('compose: is one that compose takes', { skip: unlessInstalled('docker-compose') }, async () => {
    await run('docker-compose', ['--file', 'deploy/compose.yaml', 'config', '--quiet']);
    const [text, { CISTERN_DATA_DIR }] = [await readFile('deploy/compose.yaml', 'utf8'), await imageEnvironment()];
    assert.deepEqual(at(parse(text), 'services', 'cistern', 'volumes'), [`data:${CISTERN_DATA_DIR ?? ''}`]);
  });

  it('CI: have what mirror-config prints', async () => {
    const actions: unknown = parse(await readFile('deploy/ci/github-actions.yml', 'utf8'));
    const [step] = parse(snippetFor('github-actions', MIRROR).content) as [{ uses: string; with: object }];
    assert.deepEqual(at(actions, 'jobs', 'image', 'steps', 1, 'with'), {
      'buildkitd-config-inline': Object.values(step.with).join(''),
    });
    assert.equal(at(actions, 'jobs', 'image', 'steps', 1, 'uses'), step.uses);
    const gitlab: unknown = parse(await readFile('deploy/ci/gitlab-ci.yml', 'utf8'));
    const command = JSON.stringify(at(gitlab, 'image', 'services', 0, 'command')).replace(',', ', ');
    assert.ok(snippetFor('gitlab-runner', MIRROR).content.includes(`command = ${command}`));
  });

  it('name only commands and options that there are', async () => {
    const files = (await readdir('deploy', { recursive: true })).filter((name) => /\.(ya?ml|service)$/.test(name));
    const texts = await Promise.all(
      [...files.map((name) => `deploy/${name}`), 'docs/operations.md', 'README.md', 'Dockerfile'].map((path) =>
        readFile(path, 'utf8'),
      ),
    );
    const manual = await run(process.execPath, [MAIN, 'man-page']);
    const known = new Set(
      [...manual.matchAll(/^\.SS "cistern ([a-z\\-]+)/gm)].map(([, name = '']) => name.replaceAll('\\', '')),
    );
    assert.ok(known.size > 15);
    const named = texts.flatMap((text) =>
      [
        ...text.matchAll(/(?:^|[`(] ?|exec (?:CONTAINER|cistern) |main\.js |bin\/)cistern ([a-z][a-z-]+)(?![\w.:])/gm),
      ].map(([, name = '']) => name),
    );
    assert.ok(named.length > 20, `${named.length}`);
    assert.deepEqual(
      named.filter((name) => !known.has(name)),
      [],
    );
  });
});
