import { expect } from 'chai';
import { openNonces } from '../../../lib/dpop/nonces.js';
import { fakeClock } from '../tokens/forge.js';

const SECRET = 'a secret of at least thirty-two characters';

describe('lib/dpop/nonces', () => {
  it('gives one nonce for each period, and accepts it for one period more', () => {
    const { now, pass } = fakeClock();
    const { current, accepts } = openNonces('test', { secret: SECRET, seconds: 60 }, now);
    const nonce = current();
    expect(nonce).to.match(/^[A-Za-z0-9_-]{43}$/);
    pass(59);
    expect(current()).to.equal(nonce);
    pass(1);
    expect(current()).to.not.equal(nonce);
    expect(accepts(nonce)).to.equal(true);
    pass(59);
    expect(accepts(nonce)).to.equal(true);
    pass(1);
    expect(accepts(nonce)).to.equal(false);
  });

  it('agrees between instances that share a secret, though their clocks differ', () => {
    const [behind, ahead] = [fakeClock(), fakeClock()];
    ahead.pass(60);
    const one = openNonces('test', { secret: SECRET }, behind.now);
    const other = openNonces('test', { secret: Buffer.from(SECRET) }, ahead.now);
    expect(one.accepts(other.current())).to.equal(true);
    expect(other.accepts(one.current())).to.equal(true);
    ahead.pass(60);
    expect(one.accepts(other.current())).to.equal(false);
  });

  it('is of no use without the secret, which is random unless one is given', () => {
    const { now } = fakeClock();
    const [one, other] = [openNonces('test', {}, now), openNonces('test', {}, now)];
    expect(one.accepts(one.current())).to.equal(true);
    expect(one.accepts(other.current())).to.equal(false);
    expect(
      openNonces('test', { secret: `${SECRET}.` }, now).accepts(openNonces('test', { secret: SECRET }, now).current()),
    ).to.equal(false);
  });

  it('does not follow a secret that is wiped', () => {
    const { now, pass } = fakeClock();
    const secret = Buffer.from(SECRET);
    const nonces = openNonces('test', { secret }, now);
    secret.fill(0);
    pass(60);
    expect(openNonces('test', { secret: SECRET }, now).accepts(nonces.current())).to.equal(true);
  });

  it('throws for what is no option, and for a secret that is too short', () => {
    const { now } = fakeClock();
    const bad: readonly (readonly [options: object, text: string])[] = [
      [{ secret: 'x'.repeat(31) }, "'secret' must be a string or bytes, at least 32 long"],
      [{ secret: new Uint8Array(31) }, "'secret' must be"],
      [{ secret: 5 }, "'secret' must be"],
      [{ seconds: 0 }, "'seconds' must be a whole number from 1 to 300"],
      [{ second: 60 }, "did you mean 'seconds'?"],
    ];
    for (const [options, text] of bad) expect(() => openNonces('test', options, now)).to.throw(TypeError, text);
  });
});
