import { expect } from 'chai';
import type { Hop } from '../../../lib/callchain/hop.js';
import { SeenHops } from '../../../lib/callchain/seenHops.js';
import type { TrustedKey } from '../../../lib/keys/trust.js';

describe('SeenHops', () => {
  const key = (): TrustedKey => ({ key: {}, owner: 'a', clientId: 'a', mayRoot: true }) as TrustedKey;
  const hop = (token: string): Hop => ({ token }) as Hop;

  it('knows which key signed a hop', () => {
    const seen = new SeenHops();
    const trusted = key();
    seen.add(hop('x'), trusted);
    expect(seen.get('x')?.hop).to.deep.equal(hop('x'));
    expect(seen.get('x')?.trusted).to.equal(trusted);
    expect(seen.get('y')).to.equal(undefined);
  });

  it('remembers the last 500, and forgets those before the last 1,000', () => {
    const seen = new SeenHops();
    for (let count = 0; count <= 1000; count += 1) seen.add(hop(`hop ${count}`), key());
    expect(seen.get('hop 0')).to.equal(undefined);
    for (const count of [501, 999, 1000]) expect(seen.get(`hop ${count}`)?.hop).to.deep.equal(hop(`hop ${count}`));
  });
});
