import { expect } from 'chai';
import { Unavailable } from '../../../lib/denial.js';
import { memoryReplay } from '../../../lib/stores/replay.js';

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
});
