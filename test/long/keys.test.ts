import { readdir } from 'node:fs/promises';
import { expect } from 'chai';
import { importVerifyKey } from '../../lib/keys/algorithms.js';
import { killWhileRotating, startRotators, stopRotators } from '../lib/keys/support/rotators.js';
import { sandboxed } from '../lib/keys/support/store.js';

const now = (): Date => new Date();
const sandbox = sandboxed();

describe('a key store over many crashes', function () {
  this.timeout(30 * 60_000);
  afterEach(stopRotators);

  it('opens after each of 200 kills at random points of rotations, and has lost no key', async () => {
    await (await sandbox().open({ now })).generate('request');
    const reported = new Set<string>();
    for (let kills = 0; kills < 200; kills += 4) {
      const rotators = await startRotators(4, sandbox().directory);
      // Two at a time, so that locks and half-written files of the one are in the way of the other.
      for (const pair of [rotators.slice(0, 2), rotators.slice(2)]) {
        const killed = pair.map((rotator) => killWhileRotating(rotator, Math.random() * 80));
        for (const keyId of (await Promise.all(killed)).flat()) reported.add(keyId);

        const store = await sandbox().open({ now });
        const keys = await store.list();
        expect(keys.map(({ keyId }) => keyId)).to.include.members([...reported]);
        expect(keys.filter(({ state }) => state === 'active')).to.have.length(1);
        const { keyId, sign } = await store.signer('request').current();
        const jwk = (await store.jwks()).keys.find(({ kid }) => kid === keyId);
        const data = Buffer.from(keyId);
        expect(await importVerifyKey(jwk!).verify(data, await sign(data))).to.equal(true);
        await store.rotate('request', { immediately: true });
        await store.close();
        const files = await readdir(sandbox().directory);
        expect(files.filter((name) => name.endsWith('.tmp')).length).to.be.lessThan(4);
      }
    }
    expect(reported.size).to.be.greaterThan(200);
  });
});
