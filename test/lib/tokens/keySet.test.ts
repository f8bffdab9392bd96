import { expect } from 'chai';
import { Unavailable } from '../../../lib/denial.js';
import { Refreshed } from '../../../lib/refreshed.js';
import { oidc } from '../../../lib/providers/index.js';
import { fakeIssuer, type FakeIssuer } from '../../../lib/testing.js';
import { openKeySet, readKeySetOptions, type KeySet, type KeySetOptions } from '../../../lib/tokens/keySet.js';
import type { Resolve } from '../../../lib/tokens/publicHost.js';
import { fakeClock, forger } from './forge.js';

const ISSUER = 'https://issuer.example';
const METADATA = `${ISSUER}/.well-known/oauth-authorization-server`;

interface Setup {
  readonly as: FakeIssuer;
  readonly keys: KeySet;
  readonly pass: (seconds: number) => void;
  /** `yes`, `no`, or `unavailable`. */
  readonly has: (kid: string) => Promise<string>;
  readonly kid: () => Promise<string>;
  readonly fetched: () => number;
}

function setUp(options: KeySetOptions = {}, fetcher?: (as: FakeIssuer) => typeof fetch): Setup {
  const { now, pass } = fakeClock();
  const as = fakeIssuer({ issuer: ISSUER, now });
  const network = { fetch: fetcher?.(as) ?? as.fetch };
  const keys = openKeySet(oidc({ issuer: ISSUER }), readKeySetOptions('keySets', options), network, now);
  const has = async (kid: string): Promise<string> => {
    try {
      return (await keys.find('ES256', kid)) === undefined ? 'no' : 'yes';
    } catch (error) {
      if (error instanceof Unavailable) return 'unavailable';
      throw error;
    }
  };
  const kid = async (): Promise<string> => (await as.jwks()).keys[0]?.kid ?? '';
  return { as, keys, pass, has, kid, fetched: () => as.requests.get(as.jwksUri) ?? 0 };
}

/** A fetch that answers each URL with a document, or does with it what a function does. */
function serving(documents: Readonly<Record<string, unknown>>): typeof fetch {
  return (input) => {
    const document = documents[input as string];
    if (typeof document === 'function') return (document as () => Promise<Response>)();
    return Promise.resolve(document === undefined ? new Response('', { status: 404 }) : Response.json(document));
  };
}

describe('lib/tokens/keySet', () => {
  describe('while the issuer answers', () => {
    it('fetches nothing before a key is needed, and then once for all who wait', async () => {
      const { has, kid, fetched } = setUp();
      expect(fetched()).to.equal(0);
      const known = await kid();
      const answers = await Promise.all(Array.from({ length: 50 }, () => has(known)));
      expect(new Set(answers)).to.deep.equal(new Set(['yes']));
      expect(fetched()).to.equal(1);
    });

    it('uses fetched keys for ten minutes, and fetches them anew after that', async () => {
      const { has, kid, pass, fetched } = setUp();
      await has(await kid());
      pass(599);
      await has(await kid());
      expect(fetched()).to.equal(1);
      pass(1);
      await has(await kid());
      expect(fetched()).to.equal(2);
    });

    it('uses a withdrawn key no longer once the keys are fetched anew', async () => {
      const { as, has, kid, pass } = setUp({ maxAge: 60 });
      const old = await kid();
      expect(await has(old)).to.equal('yes');
      as.rotate({ revoke: true });
      pass(60);
      expect(await has(old)).to.equal('no');
      expect(await has(await kid())).to.equal('yes');
    });

    it('fetches the keys for the sake of an unknown id, though not twice in thirty seconds', async () => {
      const { as, has, kid, pass, fetched } = setUp();
      await has(await kid());
      as.rotate();
      const next = await kid();
      expect(await has(next)).to.equal('no');
      expect(fetched()).to.equal(1);
      pass(30);
      expect(await has(next)).to.equal('yes');
      expect(fetched()).to.equal(2);
    });

    it('does not let made-up ids cause a fetch each', async () => {
      const { has, kid, pass, fetched } = setUp();
      await has(await kid());
      pass(30);
      const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => has(`made-up-${index}`)));
      for (let index = 0; index < 200; index += 1) answers.push(await has(`more-${index}`));
      expect(new Set(answers)).to.deep.equal(new Set(['no']));
      expect(fetched()).to.equal(2);
    });

    it('says of a foreign id that there is no such key, not that it does not know', async () => {
      const { has, pass } = setUp();
      expect(await has('foreign')).to.equal('no');
      pass(31);
      expect(await has('foreign')).to.equal('no');
    });

    it('fetches anew when the clock was set back', async () => {
      const { has, kid, pass, fetched } = setUp();
      await has(await kid());
      pass(-1);
      await has(await kid());
      expect(fetched()).to.equal(2);
    });
  });

  describe('while the issuer does not answer', () => {
    it('is unavailable without keys, and tries again only after a pause', async () => {
      const { as, has, kid, pass } = setUp();
      as.outage(true);
      for (let index = 0; index < 20; index += 1) expect(await has('k')).to.equal('unavailable');
      // Each time it is asked once more at once, as after a connection that was closed just then.
      expect(as.requests.get(METADATA)).to.equal(2);
      pass(5);
      expect(await has('k')).to.equal('unavailable');
      expect(as.requests.get(METADATA)).to.equal(4);
      as.outage(false);
      expect(await has(await kid())).to.equal('unavailable');
      pass(5);
      expect(await has(await kid())).to.equal('yes');
      expect(await has('foreign')).to.equal('no');
    });

    it('keeps using known keys, for a day after they should have been fetched anew', async () => {
      const { as, has, kid, pass } = setUp();
      const known = await kid();
      await has(known);
      as.outage(true);
      pass(600);
      expect(await has(known)).to.equal('yes');
      pass(86_399);
      expect(await has(known)).to.equal('yes');
      pass(1);
      expect(await has(known)).to.equal('unavailable');
    });

    it('keeps using them no longer than it is told to', async () => {
      const { as, has, kid, pass } = setUp({ maxAge: 60, staleIfError: 0 });
      const known = await kid();
      await has(known);
      as.outage(true);
      pass(59);
      expect(await has(known)).to.equal('yes');
      pass(1);
      expect(await has(known)).to.equal('unavailable');
    });

    it('does not fetch for each request while it uses old keys', async () => {
      const { as, has, kid, pass } = setUp();
      const known = await kid();
      await has(known);
      as.outage(true);
      pass(600);
      for (let index = 0; index < 50; index += 1) await has(known);
      expect(as.requests.get(METADATA)).to.equal(3);
    });

    it('does not call a key unknown that may just have been published', async () => {
      const { as, has, kid, pass } = setUp();
      const known = await kid();
      await has(known);
      as.rotate();
      as.outage(true);
      pass(30);
      expect(await has(await kid())).to.equal('unavailable');
      expect(await has(known)).to.equal('yes');
      as.outage(false);
      pass(5);
      expect(await has(await kid())).to.equal('yes');
    });

    it('waits no longer than its timeout for an issuer that hangs', async () => {
      const { has } = setUp({ timeout: 1 }, () => () => new Promise(() => undefined));
      expect(await has('k')).to.equal('unavailable');
    });

    it('waits once for an issuer that hangs, and not for each request', async () => {
      const loads: (() => void)[] = [];
      let time = 0;
      const load = (): Promise<number> =>
        new Promise((_resolve, reject) =>
          loads.push(() => {
            reject(new Error('late'));
          }),
        );
      const periods = { maxAge: 600, cooldown: 30, staleIfError: 86_400, timeout: 5 };
      const value = new Refreshed(load, periods, () => new Date(time), 'down');
      const first = value.find((one) => one).catch(() => 'unavailable');
      time += 5000;
      loads[0]?.();
      expect(await first).to.equal('unavailable');
      time += 4999;
      expect(await value.find((one) => one).catch(() => 'unavailable')).to.equal('unavailable');
      expect(loads, 'within five seconds of the failure').to.have.lengthOf(1);
      time += 1;
      void value.find((one) => one).catch(() => undefined);
      expect(loads).to.have.lengthOf(2);
    });

    it('does not wait for an issuer that hangs while it can use old keys', async () => {
      let time = 0;
      let fails: (() => void) | undefined;
      let loads = 0;
      const load = (): Promise<number> => {
        loads += 1;
        if (loads === 1) return Promise.resolve(7);
        return new Promise((_resolve, reject) => {
          fails = () => {
            reject(new Error('late'));
          };
        });
      };
      const periods = { maxAge: 600, cooldown: 30, staleIfError: 86_400, timeout: 5 };
      const value = new Refreshed(load, periods, () => new Date(time), 'down');
      expect(await value.find((one) => one)).to.equal(7);
      time += 600_000;
      const first = value.find((one) => one);
      fails?.();
      expect(await first).to.equal(7);
      time += 5000;
      expect(await value.find((one) => one), 'while a further try hangs').to.equal(7);
      expect(loads).to.equal(3);
    });

    it('names no address in its message, and keeps the cause for the operator', async () => {
      const { as, keys } = setUp();
      as.outage(true);
      const error: unknown = await keys.find('ES256', 'k').catch((failure: unknown) => failure);
      expect(error).to.be.instanceOf(Unavailable);
      const { message, headers, cause } = error as Unavailable;
      expect(message + JSON.stringify(headers)).not.to.match(/127\.0\.0\.1|issuer\.example/);
      expect(headers).to.deep.equal({ 'Retry-After': '5' });
      expect((cause as Error).message).to.equal('no answer');
    });
  });

  describe('reading metadata', () => {
    const { jwk } = forger('ES256');
    const jwks = { keys: [jwk] };
    const good = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` };

    async function outcome(
      documents: Readonly<Record<string, unknown>>,
      issuer = ISSUER,
      resolve?: Resolve,
    ): Promise<string> {
      const requested: string[] = [];
      const answering = serving(documents);
      const network = {
        fetch: ((input, init) => {
          requested.push(input as string);
          return answering(input, init);
        }) as typeof fetch,
        ...(resolve === undefined ? {} : { resolve }),
      };
      const keys = openKeySet(
        oidc({ issuer }),
        readKeySetOptions('keySets', { timeout: 1 }),
        network,
        () => new Date(),
      );
      try {
        return (await keys.find('ES256', 'k1')) === undefined ? 'no key' : requested.join(' ');
      } catch (error) {
        return `unavailable: ${((error as Unavailable).cause as Error).message}`;
      }
    }

    it('looks where MCP clients look, in their order', async () => {
      const issuer = 'https://issuer.example/tenant';
      const metadata = { ...good, issuer };
      const places = [
        'https://issuer.example/.well-known/oauth-authorization-server/tenant',
        'https://issuer.example/.well-known/openid-configuration/tenant',
        'https://issuer.example/tenant/.well-known/openid-configuration',
      ];
      for (const [index, place] of places.entries()) {
        const expected = [...places.slice(0, index + 1), `${ISSUER}/jwks`].join(' ');
        expect(await outcome({ [place]: metadata, [`${ISSUER}/jwks`]: jwks }, issuer)).to.equal(expected);
      }
      expect(await outcome({}, issuer)).to.equal('unavailable: answered with status 404');
    });

    it('takes no metadata of another issuer, a trailing slash included', async () => {
      for (const issuer of [`${ISSUER}/`, 'https://evil.example', 'HTTPS://issuer.example', undefined, [ISSUER]]) {
        const documents = { [METADATA]: { ...good, issuer }, [`${ISSUER}/jwks`]: jwks };
        expect(await outcome(documents)).to.equal('unavailable: metadata of another issuer');
      }
    });

    it('takes no metadata without a key set', async () => {
      for (const jwks_uri of [undefined, 7, null]) {
        expect(await outcome({ [METADATA]: { ...good, jwks_uri } })).to.equal('unavailable: metadata without jwks_uri');
      }
      expect(await outcome({ [METADATA]: [] })).to.equal('unavailable: metadata of another issuer');
    });

    it('fetches no key set from an address that is not public', async () => {
      for (const jwks_uri of [
        'http://169.254.169.254/latest',
        'https://169.254.169.254/',
        'https://127.0.0.1/',
        'https://[::1]/',
      ]) {
        const documents = { [METADATA]: { ...good, jwks_uri }, [jwks_uri]: jwks };
        expect(await outcome(documents), jwks_uri).to.match(/^unavailable: a learned URL is not (https|public)$/);
      }
      const documents = {
        [METADATA]: { ...good, jwks_uri: 'https://inside.example/jwks' },
        'https://inside.example/jwks': jwks,
      };
      const resolve = (): Promise<string[]> => Promise.resolve(['10.0.0.8']);
      expect(await outcome(documents, ISSUER, resolve)).to.equal('unavailable: a learned URL is not public');
      expect(await outcome(documents)).to.match(/inside\.example/);
    });

    it('goes on to the next place only when there is no such document', async () => {
      for (const status of [500, 502, 503]) {
        const documents = {
          [METADATA]: () => Promise.resolve(new Response('', { status })),
          [`${ISSUER}/.well-known/openid-configuration`]: good,
        };
        expect(await outcome(documents)).to.equal(`unavailable: answered with status ${status}`);
      }
    });

    it('takes no key set that is malformed, too large, or redirected', async () => {
      const cases: readonly (readonly [unknown, RegExp])[] = [
        [{ keys: 'none' }, /not a JSON Web Key Set/],
        [{ keys: Array.from({ length: 101 }, () => jwk) }, /more than 100 keys/],
        [{ keys: [jwk], padding: 'x'.repeat(262_144) }, /too large/],
        [() => Promise.resolve(new Response('<html>')), /not JSON/],
        [
          () => Promise.resolve(new Response('', { status: 302, headers: { location: 'http://169.254.169.254/' } })),
          /status 302/,
        ],
      ];
      for (const [document, problem] of cases) {
        expect(await outcome({ [METADATA]: good, [`${ISSUER}/jwks`]: document })).to.match(problem);
      }
    });

    it('waits no longer for a slow name server than for the rest', async () => {
      const documents = { [METADATA]: { ...good, jwks_uri: 'https://keys.example/jwks' } };
      const never = (): Promise<string[]> => new Promise(() => undefined);
      expect(await outcome(documents, ISSUER, never)).to.equal('unavailable: no answer in time');
    });
  });

  it('fetches nothing for keys that are written down', async () => {
    const { jwk } = forger('ES256');
    const issuer = oidc({ issuer: ISSUER, jwks: { keys: [jwk] } });
    const forbidden: typeof fetch = () => Promise.reject(new Error('fetched'));
    const keys = openKeySet(issuer, readKeySetOptions('keySets', {}), { fetch: forbidden }, () => new Date());
    expect(await keys.find('ES256', 'k1')).not.to.equal(undefined);
    expect(await keys.find('ES256', 'k2')).to.equal(undefined);
  });

  it('asks a configured key set alone, at an address that may be private', async () => {
    const { jwk } = forger('ES256');
    const issuer = oidc({ issuer: ISSUER, jwksUri: 'https://10.0.0.5/jwks' });
    const network = { fetch: serving({ 'https://10.0.0.5/jwks': { keys: [jwk] } }) };
    const keys = openKeySet(issuer, readKeySetOptions('keySets', {}), network, () => new Date());
    expect(await keys.find('ES256', 'k1')).not.to.equal(undefined);
  });
});
