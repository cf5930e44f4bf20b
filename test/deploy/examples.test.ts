/** The examples in deploy/ are whole, agree with the image and the documents, and say nothing that the program does not know. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
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
      'PrometheusRule',
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

  describe('on each node', () => {
    const OURS = '# Kept by the DaemonSet cistern-nodes, as long as this line is here.\n';

    /** What the DaemonSet does on a node, with its directory for /certs.d. */
    async function node(t: TestContext, address: string) {
      const dir = await temporaryDirectory(t);
      const [script] = at(find('DaemonSet', 'nodes'), 'spec', 'template', 'spec', 'containers', 0, 'args') as [string];
      const bin = join(dir, 'bin');
      await mkdir(bin);
      await writeFile(join(bin, 'cistern'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
      await chmod(join(bin, 'cistern'), 0o755);
      const file = join(dir, '_default/hosts.toml');
      await mkdir(join(dir, '_default'));
      const start = () => {
        const env = { NODE: address, PATH: `${bin}:${process.env['PATH'] ?? ''}` };
        const program = new Program('sh', ['-c', script.replaceAll('/certs.d', dir)], { env });
        // It ends its own child then, which would keep this file from ending.
        t.after(() => program.child.kill('SIGTERM'));
        return program;
      };
      return { file, start };
    }

    /** What mirror-config says for a host and the port of the nodes. */
    const wanted = (host: string) => {
      const nodePort = at(find('Service', /^cistern$/), 'spec', 'ports', 0, 'nodePort');
      const url = new URL(`http://${host}:${String(nodePort)}`);
      return `${OURS}${snippetFor('containerd', { ...MIRROR, url, location: url.host }).content}\n`;
    };

    for (const [address, host] of [
      ['10.0.0.7', '10.0.0.7'],
      ['fd00::7', '[fd00::7]'],
    ] as const) {
      it(`write what mirror-config says for ${address}, and take it away in the end`, async (t) => {
        const { file, start } = await node(t, address);
        // As a node that went down left it.
        await writeFile(file, `${OURS}old\n`);
        const program = start();
        await until(() => readFileSync(file, 'utf8') !== `${OURS}old\n`, 'the file', program);
        assert.equal(await readFile(file, 'utf8'), wanted(host));
        program.child.kill('SIGTERM');
        assert.equal((await program.exited).code, 0);
        assert.equal(existsSync(file), false);
      });
    }

    it('leave a file alone that is not theirs, and say so', async (t) => {
      const { file, start } = await node(t, '10.0.0.7');
      await writeFile(file, 'server = "https://mirror.internal"\n');
      const program = start();
      assert.equal((await program.refused()).code, 1);
      assert.match(program.output, /hosts\.toml of its own, which stays/);
      assert.equal(await readFile(file, 'utf8'), 'server = "https://mirror.internal"\n');
    });

    it('leave what somebody put in the place of theirs', async (t) => {
      const { file, start } = await node(t, '10.0.0.7');
      const program = start();
      await until(() => existsSync(file), 'the file', program);
      await writeFile(file, 'server = "https://mirror.internal"\n');
      program.child.kill('SIGTERM');
      assert.equal((await program.exited).code, 0);
      assert.equal(await readFile(file, 'utf8'), 'server = "https://mirror.internal"\n');
    });
  });
});

describe('the example of an overlay', { skip: unlessInstalled(KUSTOMIZE) }, () => {
  /** With its commented lines in force, where `all`. */
  async function build(t: TestContext, all: boolean): Promise<readonly unknown[]> {
    const dir = await temporaryDirectory(t);
    await cp('deploy/kubernetes', dir, { recursive: true });
    const file = join(dir, 'example/kustomization.yaml');
    if (all) await writeFile(file, (await readFile(file, 'utf8')).replaceAll(/^ {2}# (?=- path:)/gm, '  '));
    return parseAllDocuments(await run(KUSTOMIZE, ['build', join(dir, 'example')])).map(
      (each) => each.toJS() as unknown,
    );
  }
  const setOf = (objects: readonly unknown[]) => objects.find((each) => at(each, 'kind') === 'StatefulSet');
  const container = (set: unknown) => at(set, 'spec', 'template', 'spec', 'containers', 0);

  it('has an image and a class of storage of its own, on a volume that holds its store', async (t) => {
    const objects = await build(t, false);
    const set = setOf(objects);
    for (const kind of ['StatefulSet', 'DaemonSet']) {
      const workload = objects.find((each) => at(each, 'kind') === kind);
      assert.match(String(at(container(workload), 'image')), /^registry\.example\.com\/cistern:\d/);
    }
    const claim = at(set, 'spec', 'volumeClaimTemplates', 0);
    assert.equal(at(claim, 'spec', 'storageClassName'), 'fast-ssd');
    assert.equal(at(claim, 'metadata', 'name'), 'data');
    const maxSize = at(container(set), 'env', 0, 'value');
    assert.ok(
      parseSize(`${String(at(claim, 'spec', 'resources', 'requests', 'storage'))}B`) > parseSize(String(maxSize)),
    );
  });

  it('has a login to the status page, in a file that its secret has', async (t) => {
    const set = setOf(await build(t, true));
    const env = at(container(set), 'env') as { name: string; value: string }[];
    const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]));
    const file = variables['CISTERN_ADMIN__AUTH__HTPASSWD_FILE']!;
    const mounts = at(container(set), 'volumeMounts') as { name: string; mountPath: string }[];
    const { name } = mounts.find(({ mountPath }) => mountPath === dirname(file))!;
    const volumes = at(set, 'spec', 'template', 'spec', 'volumes') as {
      name: string;
      secret?: { secretName: string };
    }[];
    const { secretName } = volumes.find((volume) => volume.name === name)!.secret!;
    const commands = await readFile('deploy/kubernetes/example/kustomization.yaml', 'utf8');
    assert.ok(commands.includes(`create secret generic ${secretName} --from-file=${basename(file)}\n`));
    const here = join(await temporaryDirectory(t), 'status-page');
    await writeFile(here, 'olga:x\n');
    const { config, problems } = readConfig({
      file: 'deploy/kubernetes/base/configuration.yaml',
      env: { ...(await imageEnvironment()), ...variables, CISTERN_ADMIN__AUTH__HTPASSWD_FILE: here },
    });
    assert.equal(problems, undefined);
    assert.deepEqual(config.admin.auth, { type: 'basic', htpasswdFile: here });
  });
});

describe('the other examples', () => {
  it('compose: is one that compose takes', { skip: unlessInstalled('docker-compose') }, async () => {
    await run('docker-compose', ['--file', 'deploy/compose.yaml', 'config', '--quiet']);
    const [text, { CISTERN_DATA_DIR }] = [await readFile('deploy/compose.yaml', 'utf8'), await imageEnvironment()];
    assert.deepEqual(at(parse(text), 'services', 'cistern', 'volumes'), [`data:${CISTERN_DATA_DIR ?? ''}`]);
    assert.deepEqual(at(parse(text), 'services', 'cistern', 'ports'), ['5000:5000', '127.0.0.1:5080:5080']);
    // What is commented out, in force.
    const dir = await temporaryDirectory({ after });
    const whole = text.replaceAll(/^( +)# (environment:|- \.| {2}CISTERN)/gm, '$1$2');
    await writeFile(join(dir, 'compose.yaml'), whole);
    await run('docker-compose', ['--file', join(dir, 'compose.yaml'), 'config', '--quiet']);
    const service = at(parse(whole), 'services', 'cistern');
    const file = at(service, 'environment', 'CISTERN_ADMIN__AUTH__HTPASSWD_FILE');
    assert.ok((at(service, 'volumes') as string[]).includes(`./status-page:${String(file)}:ro`));
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
