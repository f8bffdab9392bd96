import { expect } from 'chai';
import { MemoryStore } from 'express-rate-limit';
import fc from 'fast-check';
import { RedisStore } from 'rate-limit-redis';
import { Unavailable } from '../../../lib/denial.js';
import { openCounter } from '../../../lib/stores/counter.js';
import { memoryRate, type MemoryRateOptions, type RateStore } from '../../../lib/stores/rate.js';

const WINDOW = 1_000;

describe('memoryRate', () => {
  let time = 0;
  const now = (): Date => new Date(time);
  const open = (options: MemoryRateOptions = {}, windowMs = WINDOW): RateStore => {
    const store = memoryRate({ now, ...options });
    void store.init?.({ windowMs } as never);
    return store;
  };
  const hits = (store: RateStore, key = 'a') => (store.increment(key) as { totalHits: number }).totalHits;

  beforeEach(() => {
    time = 0;
  });

  it('counts each key for itself, and says when its window ends', () => {
    const store = open();
    expect(store.increment('a')).to.deep.equal({ totalHits: 1, resetTime: new Date(1_000) });
    time = 10;
    expect(store.increment('a')).to.deep.equal({ totalHits: 2, resetTime: new Date(1_000) });
    expect(store.increment('b')).to.deep.equal({ totalHits: 1, resetTime: new Date(1_010) });
  });

  it('counts up to the last moment of a window, and anew from its end on', () => {
    const store = open();
    hits(store);
    time = 999;
    expect(hits(store)).to.equal(2);
    time = 1_000;
    expect(hits(store)).to.equal(1);
  });

  it('takes one back, never below nothing, and forgets a key or all of them', () => {
    const store = open();
    hits(store);
    void store.decrement('a');
    void store.decrement('a');
    void store.decrement('never counted');
    expect(hits(store)).to.equal(1);
    void store.resetKey('a');
    expect(hits(store)).to.equal(1);
    void store.resetAll?.();
    expect(hits(store)).to.equal(1);
  });

  it('counts no new key when it is full, goes on counting the old ones, and has room again when they have ended', () => {
    const store = open({ max: 2 });
    hits(store, 'a');
    hits(store, 'b');
    expect(() => hits(store, 'c')).to.throw(Unavailable);
    expect(hits(store, 'a')).to.equal(2);
    time = 1_000;
    expect(hits(store, 'c')).to.equal(1);
    expect(hits(store, 'd')).to.equal(1);
    expect(() => hits(store, 'e')).to.throw(Unavailable);
  });

  it('counts as a plain list of all uses would, whatever comes when', () => {
    const uses = fc.array(fc.record({ key: fc.constantFrom('a', 'b', '__proto__'), after: fc.nat(700) }));
    fc.assert(
      fc.property(uses, (list) => {
        time = 0;
        const store = open();
        const model = new Map<string, { end: number; count: number }>();
        for (const { key, after } of list) {
          time += after;
          const known = model.get(key);
          const current = known !== undefined && known.end > time ? known : { end: time + WINDOW, count: 0 };
          current.count += 1;
          model.set(key, current);
          expect(store.increment(key)).to.deep.equal({ totalHits: current.count, resetTime: new Date(current.end) });
        }
      }),
    );
  });

  it('does not count before it knows how long a window is', () => {
    expect(() => memoryRate().increment('a')).to.throw(TypeError, /call init\(\{ windowMs \}\) first/);
  });
});

describe('openCounter', () => {
  const options = { windowMs: WINDOW, limit: 5, timeoutMs: 50 };
  const plain = (increment: RateStore['increment'], init?: RateStore['init']): RateStore => ({
    increment,
    decrement: () => undefined,
    resetKey: () => undefined,
    ...(init === undefined ? {} : { init }),
  });

  it('tells a store the length of its window and the limit, once', () => {
    const seen: unknown[] = [];
    const store = plain(
      () => ({ totalHits: 1, resetTime: undefined }),
      (given) => void seen.push(given),
    );
    openCounter(store, options);
    openCounter(store, options);
    expect(seen).to.deep.equal([{ windowMs: WINDOW, limit: 5 }]);
  });

  it('does not build where one store is to count in windows of two lengths', () => {
    const store = memoryRate();
    openCounter(store, options);
    expect(() => openCounter(store, { ...options, windowMs: 2_000 })).to.throw(TypeError, /has 1000 ms, not 2000 ms/);
  });

  it('gives out a copy of what a store goes on changing', async () => {
    const store: RateStore = new MemoryStore();
    const count = openCounter(store, options);
    const first = await count('a');
    await count('a');
    expect(first.totalHits).to.equal(1);
    await store.shutdown?.();
  });

  const impossible = [
    undefined,
    null,
    {},
    { totalHits: 0 },
    { totalHits: NaN },
    { totalHits: '1' },
    { totalHits: 1.5 },
  ];
  for (const answer of impossible) {
    it(`fails when a store answers ${answer === undefined ? 'nothing' : JSON.stringify(answer)}`, async () => {
      const error = await openCounter(
        plain(() => answer as never),
        options,
      )('a').catch((cause: unknown) => cause);
      expect(error).to.be.instanceOf(TypeError);
    });
  }

  it('takes a time that is none for no time', async () => {
    const count = openCounter(
      plain(() => ({ totalHits: 1, resetTime: new Date(NaN) })),
      options,
    );
    expect(await count('a')).to.deep.equal({ totalHits: 1, resetTime: undefined });
  });

  it('does not wait for ever, neither for an answer nor for a start', async () => {
    const never = new Promise<never>(() => undefined);
    const held = [
      plain(() => never),
      plain(
        () => ({ totalHits: 1, resetTime: undefined }),
        () => never,
      ),
    ];
    for (const store of held) {
      const error: unknown = await openCounter(store, options)('a').catch((cause: unknown) => cause);
      expect((error as Error).message).to.equal('the store did not answer in time');
    }
  });

  it('starts a store again for the next request when its start has failed, and not again when it has not', async () => {
    let starts = 0;
    const init = () => (++starts === 1 ? Promise.reject(new Error('down')) : Promise.resolve());
    const count = openCounter(
      plain(() => ({ totalHits: 1, resetTime: undefined }), init),
      options,
    );
    const error: unknown = await count('a').catch((cause: unknown) => cause);
    expect((error as Error).message).to.equal('down');
    expect((await count('a')).totalHits).to.equal(1);
    await count('a');
    expect(starts).to.equal(2);
  });

  it('starts a store again that failed later, whoever of those that share it asks next', async () => {
    let [starts, down] = [0, false];
    const init = () => void (starts += 1);
    const increment = () => {
      if (down) throw new Error('down');
      return { totalHits: starts, resetTime: undefined };
    };
    const store = plain(increment, init);
    const [one, other] = [openCounter(store, options), openCounter(store, options)];
    await one('a');
    expect(starts).to.equal(1);
    down = true;
    await one('a').catch(() => undefined);
    down = false;
    expect((await other('a')).totalHits).to.equal(2);
    expect((await one('a')).totalHits).to.equal(2);
  });

  it('gets rate-limit-redis going again, which keeps a script that it could not load for good', async () => {
    let loads = 0;
    const sendCommand = (name = ''): Promise<string | number[]> => {
      if (name === 'SCRIPT')
        return (loads += 1) === 3 ? Promise.reject(new Error('ECONNRESET')) : Promise.resolve('sha');
      return loads < 4 ? Promise.reject(new Error('NOSCRIPT no matching script')) : Promise.resolve([1, WINDOW]);
    };
    const count = openCounter(new RedisStore({ sendCommand }), options);
    const error: unknown = await count('a').catch((cause: unknown) => cause);
    expect((error as Error).message).to.equal('ECONNRESET');
    expect((await count('a')).totalHits).to.equal(1);
  });

  it('starts it once more, however many failed with it', async () => {
    let starts = 0;
    const init = () => (++starts === 1 ? Promise.reject(new Error('down')) : Promise.resolve());
    const count = openCounter(
      plain(() => ({ totalHits: 1, resetTime: undefined }), init),
      options,
    );
    const many = (): Promise<unknown>[] => Array.from({ length: 20 }, () => count('a').catch(() => 'failed'));
    expect(new Set(await Promise.all(many()))).to.deep.equal(new Set(['failed']));
    await Promise.all(many());
    expect(starts).to.equal(2);
  });

  it('fails, and tries again, when a start throws at once', async () => {
    let starts = 0;
    const init = (): void => {
      if (++starts === 2) throw new Error('broken');
    };
    let down = true;
    const increment = () => {
      if (down) throw new Error('down');
      return { totalHits: 1, resetTime: undefined };
    };
    const count = openCounter(plain(increment, init), options);
    const failure = () => count('a').catch((cause: unknown) => (cause as Error).message);
    expect(await failure()).to.equal('down');
    down = false;
    expect(await failure()).to.equal('broken');
    expect((await count('a')).totalHits).to.equal(1);
    expect(starts).to.equal(3);
  });
});
