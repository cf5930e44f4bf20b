import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ProxyChoice } from '../../src/upstream/proxy.js';
import { failsWith } from './support.js';

const through = (choice: ProxyChoice, url: string) => choice.for(new URL(url))?.host;

describe('the outbound proxy', () => {
  const env = {
    HTTPS_PROXY: 'http://secure:3128',
    http_proxy: 'plain:3128',
    NO_PROXY: 'localhost, .internal,example.org:8443 10.0.0.0/8,fd00::/8,*.star.net',
  };

  it('is the one of the environment for the kind of URL', () => {
    const choice = new ProxyChoice(undefined, env);
    assert.equal(through(choice, 'https://ghcr.io/v2/'), 'secure:3128');
    assert.equal(through(choice, 'http://ghcr.io/v2/'), 'plain:3128');
    assert.equal(choice.any, true);
  });

  for (const [url, proxied] of [
    ['https://localhost/', false],
    ['https://localhost.example/', true],
    ['https://a.internal/', false],
    ['https://internal/', false],
    ['https://notinternal/', true],
    ['https://example.org/', true],
    ['https://example.org:8443/', false],
    ['https://a.star.net/', false],
    ['https://10.2.3.4/', false],
    ['https://11.2.3.4/', true],
    ['https://[fd00::5]/', false],
  ] as const) {
    it(`is ${proxied ? '' : 'not '}used for ${url}`, () => {
      assert.equal(through(new ProxyChoice(undefined, env), url) !== undefined, proxied);
    });
  }

  it('is not used for anything with NO_PROXY=*', () => {
    assert.equal(through(new ProxyChoice(undefined, { ...env, NO_PROXY: '*' }), 'https://ghcr.io/'), undefined);
  });

  it('is the upstream’s own for all its traffic, whatever the environment says', () => {
    const choice = new ProxyChoice('http://mine:8080', { ...env, NO_PROXY: '*' });
    assert.equal(through(choice, 'http://localhost/'), 'mine:8080');
  });

  it('may be none', () => assert.equal(new ProxyChoice(undefined).any, false));

  it('is refused when it is no URL, without telling its password', () => {
    assert.throws(() => new ProxyChoice('socks5://user:hunter2@x'), failsWith('CONFIG_INVALID', 'hunter2'));
    assert.throws(() => new ProxyChoice('http://'), failsWith('CONFIG_INVALID'));
  });
});
