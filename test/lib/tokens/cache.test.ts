import { expect } from 'chai';
import { TokenCache } from '../../../lib/tokens/cache.js';
import { fakeClock } from './forge.js';

const ALWAYS = { from: 0, until: Infinity };

describe('lib/tokens/cache', () => {
  it('remembers a value for its token alone', () => {
    const cache = new TokenCache<string>({ max: 10, milliseconds: 1000, now: () => new Date() });
    cache.set('token', 'value', ALWAYS);
    expect(cache.get('token')).to.equal('value');
    for (const other of ['Token', 'token ', 'tokem', '', '__proto__']) expect(cache.get(other)).to.equal(undefined);
  });

  it('uses a value within its validity only, whatever way the clock goes', () => {
    const { now, pass } = fakeClock();
    const start = now().getTime();
    const cache = new TokenCache<string>({ max: 10, milliseconds: 60_000, now });
    cache.set('token', 'value', { from: start - 5000, until: start + 10_000 });
    pass(9.999);
    expect(cache.get('token')).to.equal('value');
    pass(0.001);
    expect(cache.get('token')).to.equal(undefined);
    pass(-15);
    expect(cache.get('token')).to.equal('value');
    pass(-0.001);
    expect(cache.get('token')).to.equal(undefined);
  });

  it('forgets a value after its time, however long the token is valid', () => {
    const { now, pass } = fakeClock();
    const cache = new TokenCache<string>({ max: 10, milliseconds: 60_000, now });
    cache.set('token', 'value', ALWAYS);
    pass(59.999);
    expect(cache.get('token')).to.equal('value');
    pass(0.001);
    expect(cache.get('token')).to.equal(undefined);
  });

  it('holds no more than its bound, and drops the oldest first', () => {
    const cache = new TokenCache<number>({ max: 3, milliseconds: 1000, now: () => new Date() });
    const held = (): string => [0, 1, 2, 3, 4].filter((index) => cache.get(`t${index}`) !== undefined).join('');
    for (const index of [0, 1, 2]) cache.set(`t${index}`, index, ALWAYS);
    cache.set('t1', 1, ALWAYS);
    expect(held()).to.equal('012');
    cache.set('t3', 3, ALWAYS);
    expect(held()).to.equal('123');
    cache.set('t4', 4, ALWAYS);
    expect(held()).to.equal('134');
  });
});
