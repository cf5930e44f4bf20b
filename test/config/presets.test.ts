import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { presetOf, presetUrl } from '../../src/config/presets.js';

const registryOf = (name: string) => presetOf(new URL(presetUrl(name)!))?.registry;

describe('a preset', () => {
  for (const [registry, names] of [
    ['Docker Hub', ['docker.io']],
    ['GitHub Container Registry', ['ghcr.io']],
    [
      'Amazon ECR',
      [
        '123456789012.dkr.ecr.eu-west-1.amazonaws.com',
        '123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com',
        '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn',
        '123456789012.dkr-ecr.eu-west-1.on.aws',
      ],
    ],
    ['Amazon ECR Public', ['public.ecr.aws']],
    ['Google Artifact Registry', ['us-docker.pkg.dev', 'europe-west1-docker.pkg.dev']],
    ['Google Container Registry', ['gcr.io', 'eu.gcr.io', 'mirror.gcr.io']],
    ['Azure Container Registry', ['myregistry.azurecr.io', 'myregistry.azurecr.cn']],
    ['GitLab', ['registry.gitlab.com']],
    ['Quay', ['quay.io']],
    ['Kubernetes', ['registry.k8s.io']],
    ['Microsoft Artifact Registry', ['mcr.microsoft.com']],
    ['Elastic', ['docker.elastic.co']],
  ] as const) {
    it(`knows ${registry} by ${names.join(', ')}`, () => {
      for (const name of names) assert.equal(registryOf(name), registry, name);
    });
  }

  for (const url of [
    'https://docker.io.example.org',
    'https://evil-ghcr.io',
    'https://x.dkr.ecr.eu-west-1.amazonaws.com',
    'https://docker.pkg.dev.example.org',
    'https://a.b.azurecr.io',
    'https://ghcr.io:8443',
    'http://registry-1.docker.io',
    'https://docker.io',
  ]) {
    it(`is not taken for ${url}`, () => assert.equal(presetOf(new URL(url)), undefined));
  }

  it('sends tokens’ credentials to another host only where that host is the registry’s own', () => {
    assert.deepEqual(presetOf(new URL('https://registry-1.docker.io'))?.realms, ['auth.docker.io']);
    assert.deepEqual(presetOf(new URL('https://registry.gitlab.com'))?.realms, ['gitlab.com']);
  });

  it('has no URL for a name that is no host', () => assert.equal(presetUrl('hub'), undefined));
});
