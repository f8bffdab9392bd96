import { expect } from 'chai';
import type { JSONWebKeySet } from 'jose';
import { Unavailable } from '../../../lib/denial.js';
import { KEY_PURPOSES, type KeyPurpose } from '../../../lib/keys/keyRecord.js';
import { openTrust, type Trust, type TrustedKey, type TrustedKeys } from '../../../lib/keys/trust.js';
import { fakeSigner, type FakeSigner } from '../../../lib/testing.js';

const PEER = 'https://peer.example/jwks';
const OTHER = 'https://other.example/jwks';

/** What `find` says, whether or not it has to be waited for. */
const asked = async (trust: Trust, keyId: string): Promise<TrustedKey | undefined> => trust.find(keyId);

describe('openTrust', () => {
  let a: FakeSigner;
  let b: FakeSigner;
  let sets: Map<string, unknown>;
  let fetched: string[];
  let time: number;
  /** Answers that are held back, by URL. */
  let hanging: Set<string>;

  before(async () => {
    [a, b] = await Promise.all([fakeSigner(), fakeSigner('Ed25519')]);
  });

  beforeEach(() => {
    sets = new Map();
    fetched = [];
    hanging = new Set();
    time = Date.UTC(2026, 0, 1);
  });

  const open = (...peers: TrustedKeys[]) => openFor('request', ...peers);
  const openFor = (purpose: KeyPurpose, ...peers: TrustedKeys[]) =>
    openTrust('test', peers, {
      option: 'peers',
      purpose,
      now: () => new Date(time),
      fetch: (input) => {
        const { url } = new Request(input);
        fetched.push(url);
        if (hanging.has(url)) return new Promise(() => undefined);
        const set = sets.get(url);
        return set === undefined ? Promise.reject(new TypeError('fetch failed')) : Promise.resolve(Response.json(set));
      },
    });

  const failureOf = (found: Promise<unknown>): Promise<unknown> => found.catch((error: unknown) => error);
  const stating = ({ jwks }: FakeSigner, purpose: unknown): JSONWebKeySet => ({
    keys: jwks.keys.map((jwk) => ({ ...jwk, 'io.github.mcp-etdi/purpose': purpose })),
  });
  const A = 'https://a.example';
  const B = 'https://b.example';

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
    const found = await Promise.all(Array.from({ length: 20 }, () => asked(trust, a.keyId)));
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
    expect(await asked(trust, b.keyId).catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
    time += 86_400_000;
    expect(await asked(trust, a.keyId).catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
  });

  it('trusts nobody with a key that two peers publish', async () => {
    sets.set(PEER, a.jwks);
    sets.set(OTHER, a.jwks);
    const trust = open({ owner: 'https://a.example', jwksUri: PEER }, { owner: 'https://b.example', jwksUri: OTHER });
    expect(await trust.find(a.keyId)).to.equal(undefined);
  });

  describe('while the set of another peer was never seen', () => {
    const peers: [TrustedKeys, TrustedKeys] = [
      { owner: A, jwksUri: PEER },
      { owner: B, jwksUri: OTHER },
    ];

    it('is unavailable for a key that only one of them is known to publish', async () => {
      sets.set(PEER, a.jwks);
      const trust = open(...peers);
      for (let attempt = 0; attempt < 3; attempt += 1) {
        expect(await failureOf(asked(trust, a.keyId)), `attempt ${attempt}`).to.be.instanceOf(Unavailable);
        time += 2_000;
      }
      sets.set(OTHER, b.jwks);
      time += 6_000;
      expect(await trust.find(a.keyId)).to.include({ owner: A });
    });

    it('does not believe a peer that publishes the key of the other', async () => {
      sets.set(OTHER, a.jwks);
      const trust = open(...peers);
      expect(await failureOf(asked(trust, a.keyId))).to.be.instanceOf(Unavailable);
      sets.set(PEER, a.jwks);
      time += 6_000;
      expect(await trust.find(a.keyId), 'once both are known').to.equal(undefined);
    });

    it('asks all of them at once', async () => {
      sets.set(PEER, a.jwks);
      sets.set(OTHER, b.jwks);
      const trust = open(...peers);
      const found = await Promise.all([trust.find(a.keyId), trust.find(b.keyId), trust.find(a.keyId)]);
      expect(found.map((one) => one?.owner)).to.deep.equal([A, B, A]);
      expect(fetched).to.have.members([PEER, OTHER]);
    });

    it('finds keys that are pinned, in whatever way', async () => {
      sets.set(PEER, a.jwks);
      for (const pinned of [
        { owner: A, jwks: a.jwks },
        { owner: A, jwksUri: PEER, thumbprints: [a.keyId] },
      ]) {
        expect(await open(pinned, peers[1]).find(a.keyId)).to.include({ owner: A });
      }
    });
  });

  it('waits for no peer that hangs when the key is known', async () => {
    sets.set(PEER, a.jwks);
    sets.set(OTHER, b.jwks);
    const trust = open({ owner: A, jwksUri: PEER }, { owner: B, jwksUri: OTHER });
    await trust.find(a.keyId);
    hanging.add(OTHER);
    time += 301_000;
    expect(await trust.find(a.keyId), 'after the set of the other one has aged').to.include({ owner: A });
    await trust.find(a.keyId);
    expect(
      fetched.filter((url) => url === OTHER),
      'asked again, and once',
    ).to.have.lengthOf(2);
  });

  it('notices in the background that another peer publishes the key too', async () => {
    sets.set(PEER, a.jwks);
    sets.set(OTHER, b.jwks);
    const trust = open({ owner: A, jwksUri: PEER }, { owner: B, jwksUri: OTHER });
    await trust.find(a.keyId);
    sets.set(OTHER, a.jwks);
    time += 301_000;
    await trust.find(a.keyId);
    await new Promise(setImmediate);
    expect(await trust.find(a.keyId)).to.equal(undefined);
  });

  it('lets a thumbprint win over what another peer publishes, and pins nothing for anybody else', async () => {
    sets.set(PEER, a.jwks);
    sets.set(OTHER, a.jwks);
    const trust = open({ owner: B, jwksUri: OTHER }, { owner: A, jwksUri: PEER, thumbprints: [a.keyId] });
    expect(await trust.find(a.keyId)).to.include({ owner: A });
    expect(fetched).to.deep.equal([PEER]);
    sets.set(PEER, b.jwks);
    time += 301_000;
    expect(await trust.find(a.keyId), 'once its owner has withdrawn it').to.equal(undefined);
    expect(await trust.find(b.keyId), 'a key of its owner that is not pinned').to.equal(undefined);
  });

  it('takes no key under two owners, however it is pinned', () => {
    const byKey = { owner: A, jwks: a.jwks };
    const byThumbprint = { owner: B, jwksUri: OTHER, thumbprints: [a.keyId] };
    expect(() => open(byKey, byThumbprint)).to.throw(TypeError, `under '${A}' and '${B}'`);
    expect(() => open(byThumbprint, { ...byThumbprint, owner: A })).to.throw(TypeError, `under '${B}' and '${A}'`);
  });

  for (const [how, peerOf] of [
    ['published', (jwks: JSONWebKeySet): TrustedKeys => (sets.set(PEER, jwks), { owner: A, jwksUri: PEER })],
    [
      'pinned by thumbprint',
      (jwks: JSONWebKeySet): TrustedKeys => (
        sets.set(PEER, jwks),
        { owner: A, jwksUri: PEER, thumbprints: [a.keyId, b.keyId] }
      ),
    ],
    ['pinned', (jwks: JSONWebKeySet): TrustedKeys => ({ owner: A, jwks })],
  ] as const) {
    it(`takes a ${how} key for the purpose that it states, and for every one when it states none`, async () => {
      for (const stated of ['definition', 'call-chain', 'audit', 'approval', 'other', '', null, {}]) {
        const trust = open(peerOf({ keys: [...stating(a, stated).keys, ...b.jwks.keys] }));
        expect(await trust.find(a.keyId), JSON.stringify(stated)).to.equal(undefined);
        expect(await trust.find(b.keyId), 'a key that states none').to.include({ owner: A });
      }
      for (const purpose of KEY_PURPOSES) {
        const trust = openFor(purpose, peerOf({ keys: [...stating(a, purpose).keys, ...b.jwks.keys] }));
        expect(await trust.find(a.keyId), purpose).to.include({ owner: A });
        expect(await trust.find(b.keyId)).to.include({ owner: A });
      }
    });
  }

  it('takes a key that its owner pins for another purpose from nobody else', async () => {
    sets.set(OTHER, a.jwks);
    const keys = [...stating(a, 'definition').keys, ...b.jwks.keys];
    const trust = open({ owner: A, jwks: { keys } }, { owner: B, jwksUri: OTHER });
    expect(await trust.find(a.keyId)).to.equal(undefined);
  });

  it('says so when no key of anybody is for the purpose', async () => {
    const jwks = stating(a, 'definition');
    expect(() => open({ owner: A, jwks })).to.throw(TypeError, "pin those for 'request'");
    expect(() => open({ owner: A, jwks: {} as never })).to.throw(TypeError, "needs 'keys'");
    expect(() => open({ owner: A, jwks: { keys: [] } })).to.throw(TypeError, 'keys generate --purpose request');
    expect(() => open({ owner: A, jwks: { keys: [] } }, { owner: B, jwks: b.jwks })).not.to.throw();
    const trust = open({ owner: A, jwks }, { owner: B, jwks: b.jwks });
    expect(await trust.find(b.keyId)).to.include({ owner: B });
    expect(await trust.find(a.keyId)).to.equal(undefined);
  });

  it('names the option that lists the peers, whatever is wrong with them', () => {
    const wrong: readonly (readonly TrustedKeys[])[] = [
      [],
      [{ owner: A } as TrustedKeys],
      [{ owner: A, jwks: { keys: [] } }],
      [{ owner: A, jwks: stating(a, 'definition') }],
      [
        { owner: A, jwks: a.jwks },
        { owner: B, jwks: a.jwks },
      ],
    ];
    for (const peers of wrong)
      expect(() => open(...peers), JSON.stringify(peers)).to.throw(TypeError, /^test: 'peers' /);
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
      expect(await asked(trust, a.keyId).catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
    }
  });
});
