import { expect } from 'chai';
import { Unavailable } from '../../../lib/denial.js';
import { memoryReplay, type ReplayStore } from '../../../lib/stores/replay.js';

describe('memoryReplay', () => {
  const start = Date.UTC(2026, 0, 1);
  let time = start;
  const now = (): Date => new Date(time);
  const inMs = (ms: number): Date => new Date(time + ms);

  beforeEach(() => {
    time = start;
  });

  it('gives a key out once', async () => {
    const store = memoryReplay({ now });
    expect(await store.claim('a', inMs(60_000))).to.equal(true);
    expect(await store.claim('a', inMs(60_000))).to.equal(false);
    expect(await store.claim('b', inMs(60_000))).to.equal(true);
  });

  it('gives a key out once to any number of parallel claims', async () => {
    const store = memoryReplay({ now });
    const claims = await Promise.all(Array.from({ length: 1_000 }, () => store.claim('a', inMs(60_000))));
    expect(claims.filter(Boolean)).to.have.lengthOf(1);
  });

  it('denies a second claim that names another expiry', async () => {
    const store = memoryReplay({ now });
    await store.claim('a', inMs(10_000));
    expect(await store.claim('a', inMs(300_000))).to.equal(false);
  });

  it('holds a key to the last moment before it expires', async () => {
    const store = memoryReplay({ now });
    await store.claim('a', inMs(90_000));
    time = start + 89_999;
    expect(await store.claim('a', inMs(60_000))).to.equal(false);
  });

  it('denies what has expired already, or would have to be held for too long', async () => {
    const store = memoryReplay({ now });
    expect(await store.claim('a', inMs(0))).to.equal(false);
    expect(await store.claim('a', inMs(-1))).to.equal(false);
    expect(await store.claim('a', inMs(3_600_001))).to.equal(false);
    expect(await store.claim('a', new Date(NaN))).to.equal(false);
  });

  it('is unavailable when full, and takes keys again when the old ones have expired', async () => {
    const store = memoryReplay({ now, max: 2 });
    await store.claim('a', inMs(60_000));
    await store.claim('b', inMs(60_000));
    expect(await store.claim('a', inMs(60_000))).to.equal(false);
    const error = await store.claim('c', inMs(60_000)).catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(Unavailable);
    time = start + 120_001;
    expect(await store.claim('c', inMs(60_000))).to.equal(true);
  });

  describe('with a holder', () => {
    const claim = (store: ReplayStore, key: string, holder?: string, ms = 60_000): Promise<unknown> =>
      store.claim(key, inMs(ms), holder).catch((cause: unknown) => cause);

    it('is unavailable to one that holds too much, and to nobody else', async () => {
      const store = memoryReplay({ now, max: 100, maxPerHolder: 3 });
      for (const key of ['a', 'b', 'c']) expect(await claim(store, key, 'flooder')).to.equal(true);
      for (const ms of [60_000, 180_000]) expect(await claim(store, 'd', 'flooder', ms)).to.be.instanceOf(Unavailable);
      expect(await claim(store, 'a', 'flooder'), 'a replay').to.equal(false);
      expect(await claim(store, 'd', 'other')).to.equal(true);
      expect(await claim(store, 'e')).to.equal(true);
    });

    it('takes claims of the same one again when its old ones have expired', async () => {
      const store = memoryReplay({ now, max: 100, maxPerHolder: 2 });
      await claim(store, 'a', 'flooder', 60_000);
      await claim(store, 'b', 'flooder', 240_000);
      expect(await claim(store, 'c', 'flooder')).to.be.instanceOf(Unavailable);
      time = start + 120_001;
      expect(await claim(store, 'c', 'flooder')).to.equal(true);
      expect(await claim(store, 'd', 'flooder')).to.be.instanceOf(Unavailable);
    });

    it('lets one fill a tenth where nothing else is said', async () => {
      const store = memoryReplay({ now, max: 20 });
      expect(await claim(store, 'a', 'one')).to.equal(true);
      expect(await claim(store, 'b', 'one')).to.equal(true);
      expect(await claim(store, 'c', 'one')).to.be.instanceOf(Unavailable);
      expect(await claim(memoryReplay({ now, max: 1 }), 'a', 'one')).to.equal(true);
    });

    it('gives a key out once, whoever holds it', async () => {
      const store = memoryReplay({ now });
      expect(await claim(store, 'a', 'one')).to.equal(true);
      expect(await claim(store, 'a', 'other')).to.equal(false);
      expect(await claim(store, 'a', '__proto__')).to.equal(false);
    });
  });
});
