import { expect } from 'chai';
import type { JWK } from 'jose';
import { Unavailable } from '../../../lib/denial.js';
import { importVerifyKey } from '../../../lib/keys/algorithms.js';
import type { KeyChanged } from '../../../lib/keys/keyEvents.js';
import type { KeyState } from '../../../lib/keys/keyRecord.js';
import type { KeyStore } from '../../../lib/keys/keyStore.js';
import { openKeyStore } from '../../../lib/keys/keyStore.js';
import { DAY, failureOf, HOUR, MINUTE, sandboxed, SECRET } from './support/store.js';

const bytes = Buffer.from('to be signed');
const sandbox = sandboxed();

const idsOf = async (store: KeyStore): Promise<(string | undefined)[]> =>
  (await store.jwks()).keys.map(({ kid }) => kid);
const statesOf = async (store: KeyStore): Promise<KeyState[]> => (await store.list()).map(({ state }) => state);
const idOf = async (store: KeyStore): Promise<string> => (await store.signer('request').current()).keyId;

/** Lets the upkeep that a look at the keys started come to its end. */
async function upkeep(store: KeyStore): Promise<void> {
  const before = await store.serial();
  for (let tries = 0; tries < 200; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if ((await store.serial()) > before) return;
  }
  throw new Error('nothing was changed');
}

describe('openKeyStore', () => {
  describe('on first use', () => {
    it('generates a key that signs at once and is in the key set', async () => {
      const store = await sandbox().open();
      expect(await store.list()).to.deep.equal([]);
      const key = await store.signer('request').current();
      expect(await store.signer('request').current()).to.equal(key);
      expect(key.algorithm).to.equal('ES256');
      const { keys } = await store.jwks();
      expect(keys).to.have.length(1);
      expect(keys[0]).to.include({ kid: key.keyId, alg: 'ES256', use: 'sig' });
      expect(await importVerifyKey(keys[0]!).verify(bytes, await key.sign(bytes))).to.equal(true);
    });

    it('generates one key for a hundred callers at a time', async () => {
      const store = await sandbox().open();
      const signer = store.signer('request');
      const keys = await Promise.all(Array.from({ length: 100 }, () => signer.current()));
      expect(new Set(keys.map(({ keyId }) => keyId)).size).to.equal(1);
      expect(await store.list()).to.have.length(1);
    });

    it('generates one key for two stores in the same directory', async () => {
      const [one, two] = [await sandbox().open(), await sandbox().open()];
      expect(await Promise.all([idOf(one), idOf(two)])).to.satisfy(([a, b]: string[]) => a === b);
      expect(await two.list()).to.have.length(1);
    });

    it('gives every purpose a key of its own', async () => {
      const store = await sandbox().open();
      const purposes = ['request', 'definition', 'call-chain', 'audit', 'approval'] as const;
      const ids = await Promise.all(purposes.map(async (purpose) => (await store.signer(purpose).current()).keyId));
      expect(new Set(ids).size).to.equal(5);
      expect((await store.jwks('audit')).keys.map(({ kid }) => kid)).to.deep.equal([ids[3]]);
    });

    for (const algorithm of ['RS256', 'ES256', 'ES384', 'ES512', 'Ed25519'] as const) {
      it(`generates ${algorithm} keys that verify`, async () => {
        const store = await sandbox().open({ algorithms: algorithm });
        const key = await store.signer('request').current();
        const jwk = (await store.jwks()).keys[0]!;
        expect(jwk.alg).to.equal(algorithm);
        if (algorithm === 'RS256') {
          expect(Object.keys(jwk)).to.have.members([
            'kty',
            'n',
            'e',
            'kid',
            'alg',
            'use',
            'io.github.mcp-etdi/purpose',
          ]);
          expect(Buffer.from(jwk.n!, 'base64url')).to.have.length(384);
        }
        expect(await importVerifyKey(jwk).verify(bytes, await key.sign(bytes))).to.equal(true);
        expect(await importVerifyKey(jwk).verify(Buffer.from('other'), await key.sign(bytes))).to.equal(false);
      });
    }

    it('keeps the keys for whoever opens the store next', async () => {
      const first = await sandbox().open();
      const keyId = await idOf(first);
      await first.close();
      const second = await sandbox().open();
      const key = await second.signer('request').current();
      expect(key.keyId).to.equal(keyId);
      const jwk = (await second.jwks()).keys[0]!;
      expect(await importVerifyKey(jwk).verify(bytes, await key.sign(bytes))).to.equal(true);
    });
  });

  describe('rotate', () => {
    it('publishes the next key before it signs, and the former one after it has signed', async () => {
      const { clock } = sandbox();
      const store = await sandbox().open({ publishFor: 15 * MINUTE, retireAfter: DAY });
      const old = await idOf(store);
      const [next] = await store.rotate('request');
      expect(next).to.include({ state: 'pending', purpose: 'request', algorithm: 'ES256' });
      expect(await idsOf(store)).to.deep.equal([old, next!.keyId]);

      clock.advance(15 * MINUTE - 1);
      expect(await idOf(store)).to.equal(old);
      clock.advance(1);
      expect(await idOf(store)).to.equal(next!.keyId);
      expect(await statesOf(store)).to.deep.equal(['retiring', 'active']);
      expect(await idsOf(store)).to.deep.equal([old, next!.keyId]);

      clock.advance(DAY - 1);
      expect(await idsOf(store)).to.include(old);
      clock.advance(1);
      expect(await statesOf(store)).to.deep.equal(['retired', 'active']);
      expect(await idsOf(store)).to.deep.equal([next!.keyId]);
    });

    it('keeps verifiable what was signed one second before the next key took over', async () => {
      const { clock } = sandbox();
      const store = await sandbox().open({ publishFor: 60 });
      const signer = store.signer('request');
      await signer.current();
      await store.rotate('request');
      clock.advance(59);
      const { keyId, sign } = await signer.current();
      const signature = await sign(bytes);
      clock.advance(2);
      expect((await signer.current()).keyId).not.to.equal(keyId);
      const jwk = (await store.jwks()).keys.find(({ kid }) => kid === keyId);
      expect(await importVerifyKey(jwk!).verify(bytes, signature)).to.equal(true);
    });

    it('does not repeat a rotation that is under way', async () => {
      const store = await sandbox().open();
      await idOf(store);
      const [first] = await store.rotate('request');
      const [second] = await store.rotate('request');
      expect(second!.keyId).to.equal(first!.keyId);
      expect(await store.list()).to.have.length(2);
    });

    it('lets the next key sign at once when told so', async () => {
      const store = await sandbox().open();
      const old = await idOf(store);
      const [next] = await store.rotate('request', { immediately: true });
      expect(next!.state).to.equal('active');
      expect(await idOf(store))
        .to.equal(next!.keyId)
        .and.not.to.equal(old);
      expect(await statesOf(store)).to.deep.equal(['retiring', 'active']);
    });

    it('brings a pending key forward when told so', async () => {
      const store = await sandbox().open();
      const old = await idOf(store);
      const [pending] = await store.rotate('request');
      const [active] = await store.rotate('request', { immediately: true });
      expect(active).to.include({ keyId: pending!.keyId, state: 'active' });
      expect(await idOf(store))
        .to.equal(pending!.keyId)
        .and.not.to.equal(old);
      expect(await statesOf(store)).to.deep.equal(['retiring', 'active']);
    });

    it('rotates every purpose in use when none is named, and generates for one that is', async () => {
      const store = await sandbox().open();
      expect(await store.rotate()).to.deep.equal([]);
      await store.signer('audit').current();
      await store.signer('request').current();
      expect((await store.rotate()).map(({ purpose }) => purpose)).to.have.members(['audit', 'request']);
      expect((await store.rotate('approval')).map(({ state }) => state)).to.deep.equal(['active']);
    });

    it('never has two active keys of one purpose and algorithm', async () => {
      const { clock } = sandbox();
      const store = await sandbox().open({ publishFor: 60, rotateEvery: HOUR, retireAfter: HOUR });
      await idOf(store);
      for (const [index, seconds] of [0, 30, 30, 1, 59, 3600, 61, 7200, 10, 60].entries()) {
        clock.advance(seconds);
        if (index % 3 !== 2) await store.rotate('request', { immediately: index % 2 === 0 });
        expect((await statesOf(store)).filter((state) => state === 'active')).to.have.length(1);
      }
    });

    it('erases the private half of a key that is retired', async () => {
      const { clock } = sandbox();
      const store = await sandbox().open({ publishFor: 60, retireAfter: HOUR });
      const old = await idOf(store);
      await store.rotate('request');
      expect(await privateHalves()).to.have.length(2);
      clock.advance(60 + HOUR);
      await idOf(store);
      await upkeep(store);
      expect(await privateHalves()).not.to.include(old);
      expect((await store.list()).map(({ keyId }) => keyId)).to.include(old);
    });
  });

  describe('on schedule', () => {
    const periods = { rotateEvery: 10 * DAY, publishFor: HOUR, retireAfter: DAY };

    it('publishes the next key so early that it takes over in time', async () => {
      const { clock } = sandbox();
      const store = await sandbox().open(periods);
      const signer = store.signer('request');
      const { keyId: old } = await signer.current();
      clock.advance(10 * DAY - HOUR - 1);
      await signer.current();
      await store.list();
      expect(await statesOf(store)).to.deep.equal(['active']);

      clock.advance(1);
      await signer.current();
      await upkeep(store);
      expect(await statesOf(store)).to.deep.equal(['active', 'pending']);
      clock.advance(HOUR - 1);
      expect((await signer.current()).keyId).to.equal(old);
      clock.advance(1);
      expect((await signer.current()).keyId).not.to.equal(old);
    });

    it('publishes first even when nobody asked for the key in time', async () => {
      const { clock } = sandbox();
      const store = await sandbox().open(periods);
      const signer = store.signer('request');
      const { keyId: old } = await signer.current();
      clock.advance(50 * DAY);
      expect((await signer.current()).keyId).to.equal(old);
      await upkeep(store);
      expect((await signer.current()).keyId).to.equal(old);
      clock.advance(HOUR);
      expect((await signer.current()).keyId).not.to.equal(old);
    });

    it('keeps to the periods of each purpose', async () => {
      const { clock } = sandbox();
      const store = await sandbox().open({ rotateEvery: { request: DAY, audit: 100 * DAY }, publishFor: HOUR });
      await store.signer('audit').current();
      await store.signer('request').current();
      clock.advance(2 * DAY);
      await store.jwks();
      await upkeep(store);
      expect((await store.list()).map(({ purpose, state }) => `${purpose} ${state}`)).to.deep.equal([
        'audit active',
        'request active',
        'request pending',
      ]);
    });

    it('leaves keys alone that this process does not sign with', async () => {
      const { clock } = sandbox();
      const store = await sandbox().open(periods);
      await store.generate('request');
      clock.advance(11 * DAY);
      await store.jwks();
      await store.close();
      expect(await statesOf(await sandbox().open(periods))).to.deep.equal(['active']);
    });

    it('goes on with the present key when the clock is set back', async () => {
      const { clock } = sandbox();
      const store = await sandbox().open(periods);
      const first = await idOf(store);
      clock.advance(-HOUR);
      expect(await idOf(store)).to.equal(first);
      expect(await store.list()).to.have.length(1);
      clock.advance(2 * HOUR);
      await store.rotate('request');
      clock.advance(HOUR);
      const second = await idOf(store);
      expect(second).not.to.equal(first);
      clock.advance(-1);
      expect(await idOf(store)).to.equal(first);
    });
  });

  describe('revoke', () => {
    it('takes the active key out at once and puts another in its place', async () => {
      const store = await sandbox().open();
      const old = await idOf(store);
      expect(await store.revoke(old)).to.include({ keyId: old, state: 'revoked' });
      const next = await idOf(store);
      expect(next).not.to.equal(old);
      expect(await idsOf(store)).to.deep.equal([next]);
      expect(await statesOf(store)).to.deep.equal(['revoked', 'active']);
      expect(await privateHalves()).to.deep.equal([next]);
    });

    it('lets the pending key take the place of the active one', async () => {
      const store = await sandbox().open();
      const old = await idOf(store);
      const [pending] = await store.rotate('request');
      await store.revoke(old);
      expect(await idOf(store)).to.equal(pending!.keyId);
      expect(await store.list()).to.have.length(2);
    });

    it('lets the active key go on when its successor is revoked', async () => {
      const { clock } = sandbox();
      const store = await sandbox().open({ publishFor: 60 });
      const old = await idOf(store);
      const [pending] = await store.rotate('request');
      await store.revoke(pending!.keyId);
      clock.advance(DAY);
      expect(await idOf(store)).to.equal(old);
      expect(await idsOf(store)).to.deep.equal([old]);
    });

    it('takes a retiring key out and leaves the active one', async () => {
      const store = await sandbox().open();
      const old = await idOf(store);
      const [next] = await store.rotate('request', { immediately: true });
      await store.revoke(old);
      expect(await idsOf(store)).to.deep.equal([next!.keyId]);
      expect(await idOf(store)).to.equal(next!.keyId);
    });

    it('changes nothing the second time', async () => {
      const store = await sandbox().open();
      const old = await idOf(store);
      const { revokedAt } = await store.revoke(old);
      sandbox().clock.advance(DAY);
      expect((await store.revoke(old)).revokedAt).to.deep.equal(revokedAt);
      expect(await store.list()).to.have.length(2);
    });

    it('never brings a revoked key back, whatever the clock says', async () => {
      const store = await sandbox().open();
      const old = await idOf(store);
      await store.revoke(old);
      sandbox().clock.advance(-DAY);
      expect(await idsOf(store)).not.to.include(old);
      expect(await idOf(store)).not.to.equal(old);
    });

    it('fails for a key that is not there', async () => {
      const store = await sandbox().open();
      for (const keyId of ['', '../keys', '__proto__', 'x'.repeat(43)]) {
        expect(await failureOf(() => store.revoke(keyId))).to.include({ name: 'KeyStoreError', code: 'key_unknown' });
      }
    });
  });

  describe('between processes', () => {
    it('follows rotation and revocation by another store within a second', async () => {
      const { clock } = sandbox();
      const [server, tool] = [await sandbox().open(), await sandbox().open()];
      const old = await idOf(server);
      await tool.revoke(old);
      clock.advance(1);
      const next = await idOf(server);
      expect(next).not.to.equal(old);
      expect(await idsOf(server)).to.deep.equal([next]);
      await tool.rotate('request', { immediately: true });
      clock.advance(1);
      expect(await idOf(server)).not.to.equal(next);
    });

    it('follows when the clock was set back', async () => {
      const [server, tool] = [await sandbox().open(), await sandbox().open()];
      const old = await idOf(server);
      await tool.revoke(old);
      sandbox().clock.advance(-HOUR);
      expect(await idsOf(server)).not.to.include(old);
    });

    it('reads while it changes', async () => {
      const { clock } = sandbox();
      const store = await sandbox().open();
      await idOf(store);
      const reading = Array.from({ length: 40 }, async (_, index) => {
        await new Promise((resolve) => setTimeout(resolve, index));
        clock.advance(1);
        return store.list();
      });
      for (let count = 0; count < 8; count += 1) await store.rotate('request', { immediately: true });
      for (const keys of await Promise.all(reading)) expect(keys.length).to.be.greaterThan(0);
      expect(await store.list()).to.have.length(9);
    });

    it('loses no key when many stores rotate at once', async () => {
      const stores = await Promise.all(Array.from({ length: 4 }, () => sandbox().open()));
      const rotated = await Promise.all(
        Array.from({ length: 20 }, (_, index) => stores[index % 4]!.rotate('request', { immediately: true })),
      );
      const made = new Set(rotated.flat().map(({ keyId }) => keyId));
      sandbox().clock.advance(1);
      const listed = (await stores[0]!.list()).map(({ keyId }) => keyId);
      expect(listed).to.have.length(20);
      expect(listed).to.include.members([...made]);
    });
  });

  describe('with a new algorithm', () => {
    it('signs with the former key until the new one was published, and then retires the former', async () => {
      const { clock } = sandbox();
      const before = await sandbox().open({ algorithms: 'ES256' });
      const old = await idOf(before);
      await before.close();

      const store = await sandbox().open({ algorithms: 'Ed25519', publishFor: HOUR });
      expect(await idOf(store)).to.equal(old);
      expect(await statesOf(store)).to.deep.equal(['active', 'pending']);
      clock.advance(HOUR);
      expect((await store.signer('request').current()).algorithm).to.equal('Ed25519');
      await upkeep(store);
      expect(await statesOf(store)).to.deep.equal(['retiring', 'active']);
    });

    it('keeps one active key of each listed algorithm', async () => {
      const store = await sandbox().open({ algorithms: { request: ['ES256', 'Ed25519'] } });
      const one = await store.signer('request').current();
      const two = await store.signer('request', 'Ed25519').current();
      expect([one.algorithm, two.algorithm]).to.deep.equal(['ES256', 'Ed25519']);
      sandbox().clock.advance(1);
      expect(await statesOf(store)).to.deep.equal(['active', 'active']);
      expect((await store.signer('audit').current()).algorithm).to.equal('ES256');
    });
  });

  describe('shows', () => {
    const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'privateJwe'];

    for (const algorithm of ['ES256', 'Ed25519'] as const) {
      it(`no private member of an ${algorithm} key`, async () => {
        const store = await sandbox().open({ algorithms: algorithm });
        await idOf(store);
        const shown: JWK[] = [...(await store.jwks()).keys, ...(await store.export()).keys];
        expect(shown).to.have.length(2);
        for (const jwk of shown) expect(Object.keys(jwk)).not.to.include.oneOf(PRIVATE);
        expect(Object.keys((await store.list())[0]!)).not.to.include.oneOf(PRIVATE);
      });
    }

    it('keys by purpose, id and state on export', async () => {
      const store = await sandbox().open();
      const old = await idOf(store);
      await store.revoke(old);
      await store.signer('audit').current();
      expect((await store.export()).keys).to.have.length(2);
      expect((await store.export({ purpose: 'audit' })).keys).to.have.length(1);
      expect((await store.export({ keyId: old })).keys).to.deep.equal([]);
      const guess: unknown = await store.export({ purposes: ['audit'] } as never).catch((error: unknown) => error);
      expect(guess)
        .to.be.instanceOf(TypeError)
        .with.property('message', "export: unknown option 'purposes'; did you mean 'purpose'?");
      expect((await store.export({ keyId: old, states: ['revoked'] })).keys[0]).to.include({ kid: old });
    });

    it('only the purposes it was opened for', async () => {
      const all = await sandbox().open();
      await all.signer('audit').current();
      const request = await idOf(all);
      const store = await sandbox().open({ purposes: ['request'] });
      expect(await idsOf(store)).to.deep.equal([request]);
      expect(() => store.signer('audit')).to.throw(TypeError, "use one of 'request'");
    });

    it('a copy: changing it changes nothing', async () => {
      const store = await sandbox().open();
      await idOf(store);
      (await store.jwks()).keys[0]!.x = 'changed';
      expect((await store.jwks()).keys[0]!.x).not.to.equal('changed');
    });
  });

  describe('reports', () => {
    const typesOf = (): string[] => sandbox().events.map(({ type }) => type);

    it('every step in the life of a key, once, with the time it happened', async () => {
      const { clock, events } = sandbox();
      const store = await sandbox().open({ publishFor: 60, retireAfter: HOUR });
      const start = clock.now().getTime();
      const old = await idOf(store);
      expect(typesOf()).to.deep.equal(['key_generated', 'key_activated']);
      await store.rotate('request');
      clock.advance(60 + HOUR + 5);
      await store.list();
      await store.list();
      expect(typesOf().slice(2)).to.deep.equal(['key_generated', 'key_retiring', 'key_activated', 'key_retired']);
      const retired = events.find(({ type }) => type === 'key_retired') as KeyChanged;
      expect(retired).to.include({ keyId: old, purpose: 'request', algorithm: 'ES256' });
      expect(retired.at.getTime() - start).to.equal((60 + HOUR) * 1000);
      await store.revoke(old);
      expect(typesOf().at(-1)).to.equal('key_revoked');
    });

    it('nothing more of a key that was revoked', async () => {
      const { clock, events } = sandbox();
      const store = await sandbox().open({ publishFor: 60, retireAfter: HOUR });
      const old = await idOf(store);
      await store.rotate('request');
      await store.revoke(old);
      clock.advance(DAY);
      await store.list();
      const types = (events as KeyChanged[]).filter(({ keyId }) => keyId === old).map(({ type }) => type);
      expect(types).to.deep.equal(['key_generated', 'key_activated', 'key_revoked']);
    });

    it('what another process did, and nothing from before it was opened', async () => {
      const { clock, events } = sandbox();
      const quiet = await sandbox().open({ onEvent: () => undefined });
      const old = await idOf(quiet);
      const watching = await sandbox().open();
      await watching.list();
      expect(events).to.deep.equal([]);
      await quiet.revoke(old);
      clock.advance(1);
      await watching.list();
      expect(typesOf()).to.deep.equal(['key_revoked', 'key_generated', 'key_activated']);
    });

    it('to a listener that fails, and signs all the same', async () => {
      const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
      const store = await sandbox().open({
        onEvent: () => {
          throw new Error('the audit trail is full');
        },
      });
      expect(await idOf(store)).to.be.a('string');
      expect((await warned).message).to.equal('the audit trail is full');
    });
  });

  describe('once closed', () => {
    it('neither signs nor shows keys', async () => {
      const store = await sandbox().open();
      const signer = store.signer('request');
      await signer.current();
      await store.close();
      expect(await failureOf(() => signer.current())).to.be.instanceOf(Unavailable);
      expect(await failureOf(() => store.jwks())).to.be.instanceOf(Unavailable);
      expect(await failureOf(() => store.rotate())).to.include({ code: 'store_closed' });
      await store.close();
    });
  });

  describe('denies options', () => {
    const good = { directory: '/nowhere', secret: SECRET };
    const cases: [string, object, RegExp][] = [
      ['without directory', { secret: SECRET }, /'directory' must be a non-empty string/],
      ['without secret', { directory: '/nowhere' }, /'secret' must be 32 random bytes/],
      ['with 31 bytes', { ...good, secret: SECRET.subarray(1) }, /'secret' must be 32 bytes long/],
      ['with a short passphrase', { ...good, secret: 'fifteen letters' }, /at least 16 characters/],
      ['with an unknown name', { ...good, rotateEvry: 1 }, /did you mean 'rotateEvery'/],
      ['with an unknown algorithm', { ...good, algorithms: 'HS256' }, /'algorithms' must be one of 'RS256'/],
      ['with no algorithm', { ...good, algorithms: { audit: [] } }, /at least 1 element/],
      ['with an unknown purpose', { ...good, purposes: ['requests'] }, /'purposes' \[0\] must be one of/],
      ['with a period for no purpose', { ...good, rotateEvery: { requests: 9 } }, /has no purpose 'requests'/],
      ['with half a second', { ...good, publishFor: 0.5 }, /whole number from 1/],
      ['that sign for less than they publish', { ...good, rotateEvery: 900 }, /longer than 'publishFor'/],
    ];
    for (const [name, options, text] of cases) {
      it(name, async () => {
        const error = await failureOf(() => openKeyStore(options as never));
        expect(error).to.be.instanceOf(TypeError);
        expect(error.message).to.match(text);
      });
    }
  });

  it('has no keys of an algorithm that it was not opened for', async () => {
    const store = await sandbox().open();
    expect(() => store.signer('request', 'RS256')).to.throw(TypeError, "'algorithms'");
  });
});

/** The ids of the keys whose private half is on the disk. */
async function privateHalves(): Promise<string[]> {
  const { readFile } = await import('node:fs/promises');
  const { store } = JSON.parse(await readFile(`${sandbox().directory}/keys.json`, 'utf8')) as {
    store: { keys: { keyId: string; privateJwe?: string }[] };
  };
  return store.keys.filter(({ privateJwe }) => privateJwe !== undefined).map(({ keyId }) => keyId);
}
