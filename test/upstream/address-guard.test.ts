import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import { AddressGuard, type AddressGuardOptions } from '../../src/upstream/address-guard.js';
import { failsWith } from './support.js';

const guard = (options: Partial<AddressGuardOptions> = {}) =>
  new AddressGuard({ allowNetworks: [], ownListeners: () => [], ...options });

describe('the address guard', () => {
  for (const address of ['8.8.8.8', '104.18.121.25', '2600:9000:2000::1', '::ffff:8.8.8.8', '64:ff9b::808:808']) {
    it(`allows ${address}`, () => assert.equal(guard().allows(address, 443), true));
  }

  const closed = [
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['10.1.2.3', 'private'],
    ['172.31.0.1', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'carrier-grade NAT'],
    ['198.18.0.1', 'benchmarking'],
    ['192.0.2.1', 'documentation'],
    ['240.0.0.1', 'reserved'],
    ['::1', 'loopback'],
    ['fd00::1', 'unique local'],
    ['fec0::1', 'site local'],
    ['::ffff:127.0.0.1', 'v4-mapped loopback'],
    ['::ffff:a00:1', 'v4-mapped private'],
    ['::127.0.0.1', 'v4-compatible loopback'],
    ['64:ff9b::7f00:1', 'NAT64 loopback'],
    ['64:ff9b:1::1', 'local NAT64'],
    ['2002:7f00:1::', '6to4 loopback'],
    ['2001::1', 'Teredo'],
    ['4000::1', 'not given out'],
  ] as const;
  for (const [address, what] of closed) {
    it(`forbids ${address} (${what}) until its network is opened`, () => {
      assert.equal(guard().allows(address, 443), false);
      assert.equal(guard({ allowNetworks: ['0.0.0.0/0', '::/0'] }).allows(address, 443), true);
    });
  }

  for (const address of [
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    'fe80::1',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    'ff02::1',
    '255.255.255.255',
    'nonsense',
    '',
  ]) {
    it(`never allows "${address}"`, () => {
      assert.equal(guard({ allowNetworks: ['0.0.0.0/0', '::/0'] }).allows(address, 443), false);
    });
  }

  it('opens a network to the addresses in it and to no other', () => {
    const opened = guard({ allowNetworks: ['10.1.0.0/16'] });
    assert.equal(opened.allows('10.1.2.3', 443), true);
    assert.equal(opened.allows('::ffff:10.1.2.3', 443), true);
    assert.equal(opened.allows('10.2.0.1', 443), false);
    assert.equal(opened.publicOnly, false);
    assert.equal(guard().publicOnly, true);
  });

  it('never allows our own listeners, also where they listen on every address', () => {
    const allowNetworks = ['0.0.0.0/0', '::/0'];
    const one = guard({ allowNetworks, ownListeners: () => [{ address: '127.0.0.1', port: 5000 }] });
    assert.equal(one.allows('127.0.0.1', 5000), false);
    assert.equal(one.allows('::ffff:127.0.0.1', 5000), false);
    assert.equal(one.allows('127.0.0.1', 5001), true);
    assert.equal(one.allows('127.0.0.2', 5000), true);
    const every = guard({ allowNetworks, ownListeners: () => [{ address: '::', port: 5000 }] });
    for (const address of Object.values(networkInterfaces()).flatMap((all = []) => all.map((entry) => entry.address))) {
      assert.equal(every.allows(address, 5000), false, address);
    }
    assert.equal(every.allows('127.0.0.2', 5000), false);
    assert.equal(every.allows('10.250.250.250', 5000), true);
  });

  for (const host of ['2130706433', '0x7f.1', '0177.0.0.1', '127.1', '[::ffff:7f00:1]', '[::1]', '127.0.0.1.']) {
    it(`sees through ${host} in a URL`, () => {
      assert.throws(() => guard().checkLiteral(new URL(`http://${host}:80/`)), failsWith('UPSTREAM_FORBIDDEN_ADDRESS'));
    });
  }

  it('leaves names to the lookup, which answers with allowed addresses only', async () => {
    const found: LookupAddress[] = [
      { address: '10.0.0.1', family: 4 },
      { address: '8.8.8.8', family: 4 },
      { address: 'fe80::1', family: 6 },
    ];
    guard().checkLiteral(new URL('http://example.com/'));
    const lookup = (hostname: string) =>
      new Promise((resolve, reject) => {
        const resolver = guard({
          lookup: () => Promise.resolve(hostname === 'mixed' ? found : found.slice(0, 1)),
        }).lookupFor(443);
        resolver(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
      });
    assert.deepEqual(await lookup('mixed'), [found[1]]);
    await assert.rejects(lookup('private'), failsWith('UPSTREAM_FORBIDDEN_ADDRESS'));
  });

  it('refuses networks that are none', () => {
    assert.throws(() => guard({ allowNetworks: ['10.0.0.0'] }), failsWith('CONFIG_INVALID'));
  });
});
