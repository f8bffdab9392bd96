import { expect } from 'chai';
import { MemoryStore } from 'express-rate-limit';
import fc from 'fast-check';
import { Denial, Unavailable } from '../../lib/denial.js';
import { rateLimit, type RateCount, type RateLimitOptions, type RateStore, type State } from '../../lib/index.js';
import { fakeContext, type FakeRequest } from '../../lib/testing.js';
import { withoutStandardError } from '../adapters/standardError.js';

const START = Date.UTC(2026, 0, 1);
const WINDOW = 60_000;

const authOf = (subject: string, clientId = 'app', issuer = 'https://issuer.example'): Partial<State> => ({
  auth: { subject, clientId, issuer } as State['auth'],
});
const signedBy = (owner: string): Partial<State> => ({ signature: { owner } as State['signature'] });

const rpc = (method: string, params = {}) => ({ jsonrpc: '2.0', id: 1, method, params });
const call = (name: string) => rpc('tools/call', { name });
const ping = rpc('ping');

/** A store of the test's own, and the keys it was asked to count. */
function spyStore(increment: (key: string) => RateCount | Promise<RateCount>): RateStore & { readonly keys: string[] } {
  const keys: string[] = [];
  return {
    keys,
    increment: (key) => {
      keys.push(key);
      return increment(key);
    },
    decrement: () => undefined,
    resetKey: () => undefined,
  };
}

describe('rateLimit', () => {
  let time = START;
  const now = (): Date => new Date(time);

  beforeEach(() => {
    time = START;
  });

  /** A limiter, and what it says to one request after the other: nothing, or a code with its headers. */
  const open = (options: Partial<RateLimitOptions> = {}) => {
    const { run, hooks } = rateLimit({ limit: 2, windowMs: WINDOW, now, ...options });
    return async (body: unknown, state: Partial<State> = authOf('alice'), fake: FakeRequest = {}) => {
      const ctx = fakeContext({ body, ...fake, state });
      const error: unknown = await Promise.resolve(run(ctx)).then(
        () => undefined,
        (cause: unknown) => cause,
      );
      return {
        error,
        code: error instanceof Denial || error instanceof Unavailable ? error.code : error,
        headers: hooks?.headers?.(ctx),
      };
    };
  };
  const codes = async (send: ReturnType<typeof open>, ...bodies: readonly unknown[]): Promise<unknown[]> => {
    const seen: unknown[] = [];
    for (const body of bodies) seen.push((await send(body)).code);
    return seen;
  };

  it('lets a caller through up to the limit, and again in the next window', async () => {
    const send = open();
    expect(await codes(send, ping, ping, ping, ping)).to.deep.equal([
      undefined,
      undefined,
      'rate_limited',
      'rate_limited',
    ]);
    time += WINDOW - 1;
    expect(await codes(send, ping)).to.deep.equal(['rate_limited']);
    time += 1;
    expect(await codes(send, ping)).to.deep.equal([undefined]);
  });

  it('answers 429 with the seconds to wait, and says that no other token would help', async () => {
    const send = open({ limit: 1, message: 'Slow down' });
    await send(ping);
    time += 100;
    const { error } = await send(ping);
    expect(error).to.include({ status: 429, message: 'Slow down', policy: true });
    expect((error as Denial).headers).to.deep.equal({ 'Retry-After': '60' });
    expect((error as Denial).detail).to.deep.equal({ reason: 'default' });
    time = START + WINDOW - 1;
    expect(((await send(ping)).error as Denial).headers).to.deep.equal({ 'Retry-After': '1' });
  });

  // draft-ietf-httpapi-ratelimit-headers-08, sections 3 and 4: q and w of a policy, r and t of what is left.
  it('says what is left on every response, in the form of draft 8', async () => {
    const send = open({ tools: { search: { limit: 5, windowMs: 1_500 } } });
    const policy = { 'RateLimit-Policy': '"default";q=2;w=60' };
    expect((await send(ping)).headers).to.deep.equal({ RateLimit: '"default";r=1;t=60', ...policy });
    time += 30_001;
    expect((await send(ping)).headers).to.deep.equal({ RateLimit: '"default";r=0;t=30', ...policy });
    expect((await send(ping)).headers).to.deep.equal({ RateLimit: '"default";r=0;t=30', ...policy });
    expect((await send(call('search'))).headers).to.deep.equal({
      RateLimit: '"tool:search";r=4;t=2',
      'RateLimit-Policy': '"tool:search";q=5;w=2',
    });
    time = START + WINDOW;
    expect((await send([ping, call('search')])).headers).to.deep.equal({
      RateLimit: '"default";r=1;t=60, "tool:search";r=4;t=2',
      'RateLimit-Policy': '"default";q=2;w=60, "tool:search";q=5;w=2',
    });
  });

  it('is one list with the other limits on the same request, each under its name', async () => {
    const burst = rateLimit({ name: 'burst', limit: 3, windowMs: 1_000, tools: { search: { limit: 2 } }, now });
    const daily = rateLimit({ name: 'daily', limit: 90, windowMs: 86_400_000, now });
    const ctx = fakeContext({ body: [ping, call('search')], state: authOf('alice') });
    await burst.run(ctx);
    await daily.run(ctx);
    const headers = {
      RateLimit: '"burst";r=2;t=1, "burst:tool:search";r=1;t=1, "daily";r=88;t=86400',
      'RateLimit-Policy': '"burst";q=3;w=1, "burst:tool:search";q=2;w=1, "daily";q=90;w=86400',
    };
    expect(burst.hooks?.headers?.(ctx)).to.deep.equal(headers);
    expect(daily.hooks?.headers?.(ctx)).to.deep.equal(headers);
  });

  it('says nothing about a request that it was not asked about', () => {
    const { hooks } = rateLimit({ limit: 1, windowMs: WINDOW });
    expect(hooks?.headers?.(fakeContext())).to.deep.equal({});
  });

  it('keeps a name that would end the string of a header in its place', async () => {
    const send = open({ tools: { 'a", "b\r\n\u00e9': { limit: 1 } } });
    const { headers } = await send(call('a", "b\r\n\u00e9'));
    expect(headers).to.have.property('RateLimit', '"tool:a%22%2C%20%22b%0D%0A%C3%A9";r=0;t=60');
  });

  const SAME: readonly (readonly [string, Partial<State>, Partial<State>])[] = [
    ['another client of the same user', authOf('alice', 'app'), authOf('alice', 'other app')],
    ['the same signer', signedBy('https://a.example'), signedBy('https://a.example')],
    [
      'a token with a signature and one without',
      authOf('alice'),
      { ...authOf('alice'), ...signedBy('https://a.example') },
    ],
  ];
  for (const [name, first, second] of SAME) {
    it(`has one budget for ${name}`, async () => {
      const send = open({ limit: 1 });
      expect((await send(ping, first)).code).to.equal(undefined);
      expect((await send(ping, second)).code).to.equal('rate_limited');
    });
  }

  const APART: readonly (readonly [string, Partial<State>, Partial<State>])[] = [
    ['another user', authOf('alice'), authOf('bob')],
    ['the same subject of another issuer', authOf('alice'), authOf('alice', 'app', 'https://other.example')],
    ['a client that is called like a user', authOf('alice'), authOf('alice', 'alice')],
    ['another signer', signedBy('https://a.example'), signedBy('https://b.example')],
    ['a signer that is called like a user', authOf('alice'), signedBy('alice')],
    [
      'names that are cut elsewhere',
      authOf('a', 'app', 'https://i.example/b'),
      authOf('b/a', 'app', 'https://i.example/'),
    ],
  ];
  for (const [name, first, second] of APART) {
    it(`has a budget of its own for ${name}`, async () => {
      const send = open({ limit: 1 });
      expect((await send(ping, first)).code).to.equal(undefined);
      expect((await send(ping, second)).code).to.equal(undefined);
      expect((await send(ping, first)).code).to.equal('rate_limited');
    });
  }

  it('does not look at addresses', async () => {
    const send = open({ limit: 1 });
    expect((await send(ping, authOf('alice'), { ip: '10.0.0.1' })).code).to.equal(undefined);
    expect((await send(ping, authOf('bob'), { ip: '10.0.0.1' })).code).to.equal(undefined);
    expect((await send(ping, authOf('alice'), { ip: '10.0.0.2' })).code).to.equal('rate_limited');
  });

  it('denies who is not proven', async () => {
    const { error } = await open()(ping, {});
    expect(error).to.include({ status: 401, code: 'caller_unproven' });
    expect((error as Denial).headers).to.deep.equal({ 'WWW-Authenticate': 'Bearer' });
  });

  it('counts a tool with a budget of its own there and nowhere else, and the other tools together', async () => {
    const send = open({ limit: 2, tools: { search: { limit: 1 } } });
    expect(await codes(send, call('search'), call('search'))).to.deep.equal([undefined, 'rate_limited']);
    expect(await codes(send, call('a'), call('__proto__'), call('constructor'))).to.deep.equal([
      undefined,
      undefined,
      'rate_limited',
    ]);
    expect(await codes(send, ping)).to.deep.equal(['rate_limited']);
  });

  it('gives a prompt or a method that is called like a tool none of the budget of the tool', async () => {
    const send = open({ limit: 1, tools: { search: { limit: 1 } } });
    expect(await codes(send, rpc('prompts/get', { name: 'search' }), rpc('search'))).to.deep.equal([
      undefined,
      'rate_limited',
    ]);
    expect(await codes(send, call('search'))).to.deep.equal([undefined]);
  });

  it('counts every message of a batch, answers and notifications too', async () => {
    const notification = { jsonrpc: '2.0', method: 'tools/call', params: { name: 'search' } };
    const response = { jsonrpc: '2.0', id: 1, result: {} };
    const options = { limit: 2, tools: { search: { limit: 2 } } };
    expect(await codes(open(options), [ping, response])).to.deep.equal([undefined]);
    expect(await codes(open(options), [ping, response, ping])).to.deep.equal(['rate_limited']);
    expect(await codes(open(options), [call('search'), notification])).to.deep.equal([undefined]);
    expect(await codes(open(options), [call('search'), notification, call('search')])).to.deep.equal(['rate_limited']);
    expect(await codes(open(options), notification, notification, notification)).to.deep.equal([
      undefined,
      undefined,
      'rate_limited',
    ]);
  });

  it('counts a call that is sent again with what the server asked for', async () => {
    const again = rpc('tools/call', { name: 'search', requestState: 'opaque', inputResponses: {} });
    const send = open({ tools: { search: { limit: 1 } } });
    expect(await codes(send, call('search'), again)).to.deep.equal([undefined, 'rate_limited']);
  });

  for (const method of ['GET', 'DELETE']) {
    it(`counts ${method} as one message`, async () => {
      const send = open({ limit: 1 });
      expect((await send(undefined, authOf('alice'), { method })).code).to.equal(undefined);
      expect((await send(undefined, authOf('alice'), { method })).code).to.equal('rate_limited');
    });
  }

  it('counts what cannot be read, and says so first when the limit is reached', async () => {
    const send = open({ limit: 2 });
    expect(await codes(send, '{', '[]', '{', ping)).to.deep.equal([
      'json_malformed',
      'rpc_malformed',
      'rate_limited',
      'rate_limited',
    ]);
  });

  it('never lets more than the limit through in any window of a budget', async () => {
    const steps = fc.array(fc.record({ after: fc.nat(40_000), tool: fc.boolean(), bob: fc.boolean() }), {
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 4 }), async (list, limit) => {
        time = START;
        const send = open({ limit, tools: { search: { limit: 1, windowMs: 25_000 } } });
        const admitted = new Map<string, number[]>();
        for (const { after, tool, bob } of list) {
          time += after;
          const { code } = await send(call(tool ? 'search' : 'other'), authOf(bob ? 'bob' : 'alice'));
          const budget = `${tool} ${bob}`;
          if (code === undefined) admitted.set(budget, [...(admitted.get(budget) ?? []), time]);
          else expect(code).to.equal('rate_limited');
        }
        for (const [budget, times] of admitted) {
          const [most, length] = budget.startsWith('true') ? [1, 25_000] : [limit, WINDOW];
          // A window opens with the first use after the last one ended, and that use is always let through.
          const windows: number[][] = [];
          for (const at of times) {
            const current = windows.at(-1);
            if (current === undefined || at >= current[0]! + length) windows.push([at]);
            else current.push(at);
          }
          for (const window of windows) expect(window.length).to.be.at.most(most);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('lets exactly the limit through of many that come at the same time', async () => {
    const send = open({ limit: 10 });
    const seen = await Promise.all(Array.from({ length: 100 }, () => send(ping)));
    expect(seen.filter(({ code }) => code === undefined)).to.have.lengthOf(10);
  });

  it('counts in a store of express-rate-limit as it is', async () => {
    const store: RateStore = new MemoryStore();
    time = Date.now();
    const send = open({ limit: 2, store });
    expect(await codes(send, ping, ping, ping)).to.deep.equal([undefined, undefined, 'rate_limited']);
    await store.shutdown?.();
  });

  it('takes one store for one length of window, and a function that makes one for each', async () => {
    const tools = { search: { limit: 1, windowMs: 1_000 }, fetch: { limit: 1, windowMs: 1_000 } };
    const store = new MemoryStore();
    expect(() => open({ store, tools })).to.throw(TypeError, /windows of one length.*store: \(windowMs\) =>/);
    store.shutdown();
    const made: number[] = [];
    const one = (windowMs: number): RateStore => {
      made.push(windowMs);
      return spyStore(() => ({ totalHits: 1, resetTime: undefined }));
    };
    await open({ store: one, tools })([ping, call('search'), call('fetch')]);
    expect(made).to.deep.equal([WINDOW, 1_000]);
  });

  it('shows a store nothing but digests', async () => {
    const store = spyStore(() => ({ totalHits: 1, resetTime: undefined }));
    const send = open({ store, tools: { search: { limit: 1 } } });
    await send([ping, call('search'), call('x'.repeat(10_000))]);
    await send(ping, authOf('bob'));
    expect(store.keys).to.have.lengthOf(4);
    for (const key of store.keys) expect(key).to.match(/^[\w-]{43}$/);
    expect(new Set(store.keys).size).to.equal(3);
  });

  it('assumes a whole window where a store names no end, or one that cannot be', async () => {
    for (const resetTime of [undefined, new Date(START + 10 * WINDOW)]) {
      const send = open({ store: spyStore(() => ({ totalHits: 3, resetTime })) });
      expect(((await send(ping)).error as Denial).headers).to.deep.equal({ 'Retry-After': '60' });
    }
    const past = open({ store: spyStore(() => ({ totalHits: 3, resetTime: new Date(0) })) });
    expect(((await past(ping)).error as Denial).headers).to.deep.equal({ 'Retry-After': '1' });
  });

  const DOWN: readonly (readonly [string, () => RateCount | Promise<RateCount>])[] = [
    ['rejects', () => Promise.reject(new Error('ECONNREFUSED'))],
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['does not answer', () => new Promise<never>(() => undefined)],
    ['answers nonsense', () => ({}) as never],
  ];
  for (const [name, increment] of DOWN) {
    it(`lets nothing through while the store ${name}, unless it is told to`, async () => {
      const store = spyStore(increment);
      const { error, headers } = await open({ store, timeoutMs: 20 })(ping);
      expect(error).to.be.instanceOf(Unavailable);
      expect(headers).to.deep.equal({});
      const errors: unknown[] = [];
      const onError = (cause: unknown) => void errors.push(cause);
      const allowing = await open({ store, timeoutMs: 20, onFailure: 'continue', onError })(ping);
      expect(allowing.error).to.equal(undefined);
      expect(errors).to.have.lengthOf(1);
    });
  }

  it('denies who is over the limit, and what cannot be read, though it lets pass what cannot be counted', async () => {
    const onError = () => undefined;
    const counting = spyStore(() => ({ totalHits: 3, resetTime: undefined }));
    expect((await open({ store: counting, onFailure: 'continue', onError })(ping)).code).to.equal('rate_limited');
    const down = spyStore(() => Promise.reject(new Error('down')));
    expect((await open({ store: down, onFailure: 'continue', onError })('{')).code).to.equal('json_malformed');
  });

  const TOLD: readonly (readonly [string, () => void | Promise<void>])[] = [
    [
      'throws',
      () => {
        throw new Error('disk full');
      },
    ],
    ['rejects', () => Promise.reject(new Error('disk full'))],
  ];
  for (const [name, onError] of TOLD) {
    it(`lets pass what cannot be counted although the function that is told of it ${name}`, async () => {
      const store = spyStore(() => Promise.reject(new Error('down')));
      const lines = await withoutStandardError(async () => {
        expect((await open({ store, onFailure: 'continue', onError })(ping)).error).to.equal(undefined);
        await new Promise((resolve) => setImmediate(resolve));
      });
      expect(lines.join('')).to.include('disk full');
    });
  }

  it('recovers without a restart when the store is back', async () => {
    let down = true;
    let hits = 0;
    const count = () => ({ totalHits: (hits += 1), resetTime: undefined });
    const send = open({ store: spyStore(() => (down ? Promise.reject(new Error('down')) : count())) });
    expect(await codes(send, ping)).to.deep.equal(['unavailable']);
    down = false;
    expect(await codes(send, ping, ping, ping)).to.deep.equal([undefined, undefined, 'rate_limited']);
  });

  const MISTAKES: readonly (readonly [object, RegExp])[] = [
    [{ windowMs: 1 }, /'limit' must be a whole number from 1/],
    [{ limit: 0, windowMs: 1 }, /'limit' must be a whole number from 1/],
    [{ limit: 1 }, /'windowMs' must be a whole number from 1 to 2147483647/],
    [{ limit: 1, windowMs: 2 ** 31 }, /'windowMs' must be a whole number from 1 to 2147483647/],
    [{ limit: 1, windowMs: 1, max: 1 }, /unknown option 'max'/],
    [{ limit: 1, windowMs: 1, name: 'a"b' }, /'name' must be 1 to 64 letters, digits and \._-/],
    [{ limit: 1, windowMs: 1, name: '' }, /'name' must be/],
    [{ limit: 1, windowMs: 1, store: {} }, /'store' must be a store for express-rate-limit, or make one/],
    [{ limit: 1, windowMs: 1, store: () => ({}) }, /what 'store' makes is not a store/],
    [{ limit: 1, windowMs: 1, onFailure: 'allow' }, /'onFailure' must be one of 'deny', 'continue'/],
    [{ limit: 1, windowMs: 1, onStoreError: 'allow' }, /unknown option 'onStoreError'/],
    [{ limit: 1, windowMs: 1, tools: { a: 3 } }, /rateLimit 'tools.a': pass one object with options/],
    [
      { limit: 1, windowMs: 1, tools: { a: { limit: 1, windowsMs: 1 } } },
      /'tools.a': unknown option 'windowsMs'; did you/,
    ],
  ];
  for (const [options, message] of MISTAKES) {
    it(`does not build with ${JSON.stringify(options)}`, () => {
      expect(() => rateLimit(options as RateLimitOptions)).to.throw(TypeError, message);
    });
  }
});
