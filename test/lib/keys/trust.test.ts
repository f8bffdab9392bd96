import { expect } from 'chai';
import { Unavailable } from '../../../lib/denial.js';
import { openTrust, type TrustedKeys } from '../../../lib/keys/trust.js';
import { fakeSigner, type FakeSigner } from '../../../lib/testing.js';

const PEER = 'https://peer.example/jwks';
const OTHER = 'https://other.example/jwks';

describe('openTrust', () => {
  let a: FakeSigner;
  let b: FakeSigner;
  let sets: Map<string, unknown>;
  let fetched: string[];
  let time: number;

  before(async () => {
    [a, b] = await Promise.all([fakeSigner(), fakeSigner('Ed25519')]);
  });

  beforeEach(() => {
    sets = new Map();
    fetched = [];
    time = Date.UTC(2026, 0, 1);
  });

  const open = (...peers: TrustedKeys[]) =>
    openTrust('test', peers, {
      now: () => new Date(time),
      fetch: (input) => {
        const { url } = new Request(input);
        fetched.push(url);
        const set = sets.get(url);
        return set === undefined ? Promise.reject(new TypeError('fetch failed')) : Promise.resolve(Response.json(set));
      },
    });

  it('finds a pinned key with what is known of its owner', async () => {
    const trust = open({ owner: 'https://a.example', clientId: 'client-a', mayRoot: true, jwks: a.jwks });
    const found = await trust.find(a.keyId);
    expect(found).to.include({ owner: 'https://a.example', clientId: 'client-a', mayRoot: true });
    expect(found?.key.keyId).to.equal(a.keyId);
    expect(await trust.find(b.keyId)).to.equal(undefined);
  });

  it('takes the owner for the client where no client is configured', async () => {
    const found = await open({ owner: 'https://a.example', jwks: a.jwks }).find(a.keyId);
    expect(found).to.include({ clientId: 'https://a.example', mayRoot: false });
  });

  it('goes by the thumbprint alone, whatever the key set calls its keys', async () => {
    sets.set(PEER, { keys: a.jwks.keys.map((jwk) => ({ ...jwk, kid: b.keyId })) });
    const trust = open({ owner: 'https://a.example', jwksUri: PEER });
    expect(await trust.find(b.keyId)).to.equal(undefined);
    expect((await trust.find(a.keyId))?.key.keyId).to.equal(a.keyId);
  });

  it('fetches a key set when it is needed, once for all who wait', async () => {
    sets.set(PEER, a.jwks);
    const trust = open({ owner: 'https://a.example', jwksUri: PEER });
    expect(fetched).to.deep.equal([]);
    const found = await Promise.all(Array.from({ length: 20 }, () => trust.find(a.keyId)));
    expect(found.every((one) => one?.owner === 'https://a.example')).to.equal(true);
    expect(fetched).to.deep.equal([PEER]);
  });

  it('never fetches for a key id that is none, nor for one that is not pinned', async () => {
    sets.set(PEER, a.jwks);
    const trust = open({ owner: 'https://a.example', jwksUri: PEER, thumbprints: [a.keyId] });
    for (const keyId of ['', '../../x', '__proto__', a.keyId.slice(1), `${a.keyId}a`, b.keyId]) {
      expect(await trust.find(keyId), keyId).to.equal(undefined);
    }
    expect(fetched).to.deep.equal([]);
  });

  it('trusts only the pinned keys of a published set', async () => {
    sets.set(PEER, { keys: [...a.jwks.keys, ...b.jwks.keys] });
    const trust = open({ owner: 'https://a.example', jwksUri: PEER, thumbprints: [a.keyId] });
    expect(await trust.find(a.keyId)).to.include({ owner: 'https://a.example' });
    expect(await trust.find(b.keyId)).to.equal(undefined);
  });

  it('follows a rotation, after a pause that an attacker cannot shorten', async () => {
    sets.set(PEER, a.jwks);
    const trust = open({ owner: 'https://a.example', jwksUri: PEER });
    await trust.find(a.keyId);
    sets.set(PEER, b.jwks);
    time += 29_000;
    expect(await trust.find(b.keyId)).to.equal(undefined);
    expect(fetched).to.have.lengthOf(1);
    time += 2_000;
    expect(await trust.find(b.keyId)).to.include({ owner: 'https://a.example' });
    expect(await trust.find(a.keyId), 'a key that was withdrawn').to.equal(undefined);
  });

  it('keeps known keys in use while a peer cannot be reached, and is unavailable for unknown ones', async () => {
    sets.set(PEER, a.jwks);
    const trust = open({ owner: 'https://a.example', jwksUri: PEER });
    await trust.find(a.keyId);
    sets.clear();
    time += 3_600_000;
    expect(await trust.find(a.keyId)).to.include({ owner: 'https://a.example' });
    expect(await trust.find(b.keyId).catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
    time += 86_400_000;
    expect(await trust.find(a.keyId).catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
  });

  it('finds a key of one peer while another is out of reach', async () => {
    sets.set(PEER, a.jwks);
    const trust = open({ owner: 'https://a.example', jwksUri: PEER }, { owner: 'https://b.example', jwksUri: OTHER });
    expect(await trust.find(a.keyId)).to.include({ owner: 'https://a.example' });
  });

  it('trusts nobody with a key that two peers publish', async () => {
    sets.set(PEER, a.jwks);
    sets.set(OTHER, a.jwks);
    const trust = open({ owner: 'https://a.example', jwksUri: PEER }, { owner: 'https://b.example', jwksUri: OTHER });
    expect(await trust.find(a.keyId)).to.equal(undefined);
  });

  it('lets a pin win over what another peer publishes', async () => {
    sets.set(OTHER, a.jwks);
    const trust = open({ owner: 'https://a.example', jwks: a.jwks }, { owner: 'https://b.example', jwksUri: OTHER });
    expect(await trust.find(a.keyId)).to.include({ owner: 'https://a.example' });
    expect(fetched).to.deep.equal([]);
  });

  it('leaves alone what a published set holds beside usable keys', async () => {
    const [jwk] = a.jwks.keys;
    sets.set(PEER, {
      keys: [
        null,
        1,
        { kty: 'oct', k: 'c2VjcmV0', alg: 'HS256' },
        { ...jwk, alg: undefined },
        { ...jwk, d: 'c2VjcmV0' },
        ...b.jwks.keys,
      ],
    });
    const trust = open({ owner: 'https://a.example', jwksUri: PEER });
    expect(await trust.find(b.keyId)).to.include({ owner: 'https://a.example' });
    expect(await trust.find(a.keyId)).to.equal(undefined);
  });

  it('is unavailable when the document is no key set, or too large', async () => {
    for (const document of [{}, { keys: {} }, [], { keys: Array(101).fill(a.jwks.keys[0]) }]) {
      sets.set(PEER, document);
      const trust = open({ owner: 'https://a.example', jwksUri: PEER });
      expect(await trust.find(a.keyId).catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
    }
  });
});
