import { expect } from 'chai';
import { addressList, addressRange } from '../../../lib/mtls/addresses.js';

const RANGES: readonly (readonly [
  range: string,
  inside: readonly string[],
  outside: readonly (string | undefined)[],
])[] = [
  ['10.0.0.7', ['10.0.0.7', '::ffff:10.0.0.7'], ['10.0.0.8', '::10.0.0.7', '', undefined, 'localhost']],
  ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3'], ['9.255.255.255', '11.0.0.0']],
  ['fd00::/64', ['fd00::1', 'fd00::ffff:ffff:ffff:ffff'], ['fd00:0:0:1::1', 'fe00::1', '10.0.0.1']],
  ['fe80::1', ['fe80::1', 'fe80::1%eth0'], ['fe80::2%eth0', 'fe80::2']],
];

describe('a list of addresses', () => {
  for (const [range, inside, outside] of RANGES) {
    it(`has the addresses of ${range}, and no other`, () => {
      const has = addressList([range]);
      expect(inside.filter(has)).to.deep.equal(inside);
      expect(outside.filter(has)).to.deep.equal([]);
    });
  }

  it('takes addresses and ranges alone, and not everybody', () => {
    for (const good of ['127.0.0.1', '::1', '10.0.0.0/8', 'fd00::/1']) expect(addressRange(good)).to.equal(undefined);
    for (const bad of [
      '',
      'localhost',
      '10.0.0.0/33',
      '::/129',
      '10.0.0/8',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '1.2.3.4 ',
      7,
      null,
    ])
      expect(addressRange(bad)).to.match(/must be an IP address or a range/);
    for (const all of ['0.0.0.0/0', '::/0', '10.0.0.1/0']) expect(addressRange(all)).to.match(/every address/);
  });
});
