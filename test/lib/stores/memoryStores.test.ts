import { expect } from 'chai';
import { memoryStores, type MemoryStoresOptions } from '../../../lib/stores/memoryStores.js';

describe('memoryStores', () => {
  const broken: readonly (readonly [string, object])[] = [
    ['nothing said', {}],
    ['singleProcess: false', { singleProcess: false }],
    ["singleProcess: 'true'", { singleProcess: 'true' }],
    ['an unknown option', { singleProcess: true, proces: 1 }],
  ];
  for (const [what, options] of broken) {
    it(`does not build with ${what}`, () => {
      expect(() => memoryStores(options as MemoryStoresOptions)).to.throw(TypeError, /memoryStores/);
    });
  }

  it('says what several processes need', () => {
    expect(() => memoryStores({} as MemoryStoresOptions)).to.throw(/several processes need redisStores\(client\)/);
  });

  it('holds one store of each kind, by one clock', async () => {
    let time = 0;
    const stores = memoryStores({ singleProcess: true, now: () => new Date(time) });
    expect(await stores.replay.claim('a', new Date(1_000))).to.equal(true);
    expect(await stores.replay.claim('a', new Date(1_000))).to.equal(false);
    time = 60_000;
    expect(await stores.replay.claim('a', new Date(61_000))).to.equal(true);
    expect(await stores.sessions.bind('s', 'alice', 10)).to.equal(true);
    expect(await stores.sessions.use('s', 'bob', 10)).to.equal('foreign');
    time = 60_012;
    expect(await stores.sessions.use('s', 'alice', 10)).to.equal('unknown');
    await stores.revocations.revoke({ issuer: 'i', tokenId: 't' }, new Date(61_000));
    await stores.approvals.set('k', 'v');
    expect(await stores.approvals.get('k')).to.equal('v');
  });

  it('has one counter for each length of window', () => {
    const { rate } = memoryStores({ singleProcess: true });
    expect(rate(1_000)).to.equal(rate(1_000)).and.not.to.equal(rate(2_000));
  });
});
