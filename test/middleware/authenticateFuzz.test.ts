import { expect } from 'chai';
import fc from 'fast-check';
import { isDenial, Unavailable } from '../../lib/denial.js';
import { auth0, oidc } from '../../lib/providers/index.js';
import { fakeContext, fakeIssuer } from '../../lib/testing.js';
import { authenticate } from '../../middleware/authenticate.js';
import { encode, forger } from '../lib/tokens/forge.js';

const CODES = ['token_missing', 'token_invalid', 'token_malformed', 'header_duplicate'];
const resource = 'https://mcp.example/mcp';
const as = fakeIssuer({ resource });
const forge = forger('ES256');
const auth = authenticate({
  issuers: [
    oidc({ issuer: as.issuer }),
    oidc({ issuer: 'https://forge.example', jwks: { keys: [forge.jwk] }, acceptTyp: ['JWT', 'absent'] }),
    auth0({ domain: 'tenant.auth0.com', jwks: { keys: [forge.jwk] } }),
  ],
  resource,
  fetch: as.fetch,
});

/** The code of the answer; anything but a denial is thrown, as it would be a 500. */
async function codeFor(authorization: string | readonly string[]): Promise<string> {
  try {
    await auth.run(fakeContext({ headers: { authorization } }));
    return 'allowed';
  } catch (error) {
    if (isDenial(error) || error instanceof Unavailable) return error.code;
    throw error;
  }
}

describe('middleware/authenticate, fuzzed', () => {
  let token: string;
  before(async () => {
    token = await as.token();
    expect(await codeFor(`Bearer ${token}`)).to.equal('allowed');
  });

  it('answers whatever the Authorization header says with a denial', async () => {
    const lines = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: fc.constantFrom('B', 'e', 'a', 'r', ' ', '\t', ',', '=', '.', '"') }),
      fc
        .tuple(fc.constantFrom('Bearer ', 'bearer  ', 'DPoP ', 'Basic '), fc.base64String())
        .map((parts) => parts.join('')),
      fc.array(fc.string(), { maxLength: 6 }).map((parts) => `Bearer ${parts.map(encode).join('.')}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(lines, { minLength: 1, maxLength: 3 }), async (list) => {
        expect(await codeFor(list)).to.be.oneOf(CODES);
      }),
      { numRuns: 1500 },
    );
  });

  it('denies a token in which one character was changed, dropped or added', async () => {
    const character = fc.constantFrom(
      ...Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=~+/ '),
    );
    const kind = fc.constantFrom('change', 'drop', 'add', 'cut', 'double');
    await fc.assert(
      fc.asyncProperty(fc.nat(), character, kind, async (place, char, how) => {
        const at = place % token.length;
        const [head, tail] = [token.slice(0, at), token.slice(at)];
        const mutants = {
          change: head + char + tail.slice(1),
          drop: head + tail.slice(1),
          add: head + char + tail,
          cut: head,
          double: head + tail + tail,
        };
        // A space before the token is part of the syntax, and one token may look like its neighbour.
        const mutant = mutants[how].trim();
        fc.pre(mutant !== token);
        expect(await codeFor(`Bearer ${mutant}`)).to.be.oneOf(CODES);
      }),
      { numRuns: 1500 },
    );
  });

  it('denies every second spelling of the last character of a signature', async () => {
    for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
      const spelled = token.slice(0, -1) + char;
      expect(await codeFor(`Bearer ${spelled}`), char).to.equal(spelled === token ? 'allowed' : 'token_invalid');
    }
  });

  it('denies segments of one token with those of another', async () => {
    const parts = await Promise.all([as.token(), as.token({ sub: 'admin' }), as.token({}, { extra: 1 })]);
    const split = parts.map((one) => one.split('.'));
    const index = fc.nat(2);
    await fc.assert(
      fc.asyncProperty(index, index, index, async (a, b, c) => {
        const mixed = [split[a]![0], split[b]![1], split[c]![2]].join('.');
        const whole = parts.includes(mixed);
        expect(await codeFor(`Bearer ${mixed}`)).to.equal(whole ? 'allowed' : 'token_invalid');
      }),
    );
  });

  it('answers whatever an issuer signs with a proof or a denial', async () => {
    const seconds = Math.floor(Date.now() / 1000);
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(resource, seconds + 600, seconds, 'https://forge.example', '__proto__'),
    );
    const mostly = (...values: readonly unknown[]): fc.Arbitrary<unknown> =>
      fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: junk });
    const claims = fc.record(
      {
        iss: mostly('https://forge.example', 'https://tenant.auth0.com/'),
        aud: mostly(resource, [resource, 'x']),
        exp: mostly(seconds + 600),
        iat: mostly(seconds),
        nbf: mostly(seconds),
        sub: mostly('user'),
        client_id: mostly('client'),
        azp: mostly('client'),
        jti: mostly('1'),
        scope: junk,
        scp: junk,
        roles: junk,
        permissions: junk,
        typ: mostly('Bearer'),
      },
      { requiredKeys: ['iss', 'aud', 'exp', 'iat', 'sub', 'client_id', 'azp', 'jti'] },
    );
    const header = fc.record(
      { alg: mostly('ES256'), typ: mostly('at+jwt', 'JWT'), kid: mostly('k1'), b64: junk, zip: junk, jwk: junk },
      { requiredKeys: ['alg', 'typ'] },
    );
    const codes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(header, claims, async (head, body) => {
        const code = await codeFor(`Bearer ${forge.token(head, body)}`);
        codes.add(code);
        expect(code).to.be.oneOf(['allowed', 'token_invalid']);
      }),
      { numRuns: 2000 },
    );
    expect([...codes].sort()).to.deep.equal(['allowed', 'token_invalid']);
  });
});
