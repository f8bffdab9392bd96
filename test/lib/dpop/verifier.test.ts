import { expect } from 'chai';
import { ProofFault } from '../../../lib/dpop/fault.js';
import { openNonces } from '../../../lib/dpop/nonces.js';
import { proofVerifier, type ProofVerifierOptions } from '../../../lib/dpop/verifier.js';
import { memoryReplay, type ReplayStore } from '../../../lib/stores/replay.js';
import { fakeContext, type FakeRequest } from '../../../lib/testing.js';
import { fakeClock } from '../tokens/forge.js';
import { prover, RESOURCE, type Prover, type ProofChange } from './proofs.js';

// RFC 9449, figure 13, and the token and key that it is about.
const FIGURE_13 =
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA';
// Figure 5: a proof for a token endpoint, which is about no token.
const FIGURE_5 =
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg';
const TOKEN_13 = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';
// Figure 8, the `cnf` of the token.
const JKT_8 = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I';
const TOKEN = 'the.access.token';

type Change = Partial<ProofVerifierOptions>;

function verdictOf(work: Promise<void>): Promise<string> {
  return work.then(
    () => 'allowed',
    (error: unknown) => {
      if (error instanceof ProofFault) return error.message;
      throw error;
    },
  );
}

describe('lib/dpop/verifier', () => {
  const { now, pass } = fakeClock();
  const seconds = (): number => now().getTime() / 1000;
  let one: Prover;
  let other: Prover;

  before(() => {
    [one, other] = [prover(), prover()];
  });

  const verifier = (change: Change = {}) =>
    proofVerifier({
      resource: RESOURCE,
      path: '/mcp',
      algorithms: ['ES256', 'ES384', 'Ed25519', 'EdDSA', 'RS256'],
      window: 300,
      nonces: undefined,
      replay: memoryReplay({ now }),
      now,
      ...change,
    });
  const says = (
    lines: string | readonly string[] | undefined,
    { change, fake }: { readonly change?: Change; readonly fake?: FakeRequest } = {},
  ): Promise<string> => {
    const headers = lines === undefined ? {} : { dpop: lines };
    const { request } = fakeContext({ headers, ...fake });
    return verdictOf(verifier(change)(request, { token: TOKEN, thumbprint: one.jkt }));
  };
  /** The first proof with a signature of its own key, over the second. */
  const signedOver = (line: string, over: string): string =>
    `${inputOf(line)}.${one.forge.sign(inputOf(over)).toString('base64url')}`;
  const inputOf = (line: string): string => line.slice(0, line.lastIndexOf('.'));
  const proof = (change?: ProofChange): string => one.proof(TOKEN, seconds(), change);

  describe('the examples of RFC 9449', () => {
    const at = (time: number): Change => ({
      resource: 'https://resource.example.org/protectedresource',
      path: '/protectedresource',
      now: () => new Date(time * 1000),
      replay: memoryReplay({ now: () => new Date(time * 1000) }),
    });
    const saysTo = (line: string, fake: FakeRequest = {}, token = TOKEN_13, change: Change = {}): Promise<string> => {
      const { request } = fakeContext({
        method: 'GET',
        target: '/protectedresource',
        headers: { dpop: line },
        ...fake,
      });
      const verify = verifier({ ...at(1_562_262_618), ...change });
      return verdictOf(verify(request, { token, thumbprint: JKT_8 }));
    };

    it('accept figure 13 for its request, token and time', async () => {
      expect(await saysTo(FIGURE_13)).to.equal('allowed');
      expect(await saysTo(FIGURE_13, { target: '/protectedresource?a=1' })).to.equal('allowed');
      expect(
        await saysTo(FIGURE_13, {}, TOKEN_13, { resource: 'HTTPS://Resource.Example.ORG:443/%70rotectedresource' }),
      ).to.equal('allowed');
    });

    it('deny figure 13 for anything else', async () => {
      expect(await saysTo(FIGURE_13, { method: 'POST' })).to.equal('method');
      expect(
        await saysTo(FIGURE_13, { target: '/other' }, TOKEN_13, {
          resource: 'https://resource.example.org/other',
          path: '/other',
        }),
      ).to.equal('url');
      expect(await saysTo(FIGURE_13, {}, `${TOKEN_13}x`)).to.equal('token');
      expect(await saysTo(FIGURE_13, {}, TOKEN_13, at(1_562_262_618 + 301))).to.equal('time');
      expect(await saysTo(`${FIGURE_13.slice(0, -1)}B`)).to.equal('format');
      expect(await saysTo(FIGURE_13.replace('2oW9', '2oW8'))).to.equal('signature');
    });

    it('deny figure 5, which is for a token endpoint', async () => {
      expect(await saysTo(FIGURE_5, {}, TOKEN_13, at(1_562_262_616))).to.equal('claim: ath');
    });
  });

  describe('a valid proof', () => {
    it('is accepted with every kind of key', async () => {
      for (const algorithm of ['ES256', 'ES384', 'Ed25519', 'RS256'] as const) {
        const { jkt, proof: make } = prover(algorithm);
        const { request } = fakeContext({ headers: { dpop: make(TOKEN, seconds()) } });
        expect(await verdictOf(verifier()(request, { token: TOKEN, thumbprint: jkt })), algorithm).to.equal('allowed');
      }
    });

    it('is accepted under the older name of Ed25519', async () => {
      const { jkt, proof: make } = prover('Ed25519');
      const { request } = fakeContext({ headers: { dpop: make(TOKEN, seconds(), { header: { alg: 'EdDSA' } }) } });
      expect(await verdictOf(verifier()(request, { token: TOKEN, thumbprint: jkt }))).to.equal('allowed');
    });

    it('is accepted when it says more than it must', async () => {
      for (const change of [
        { header: { typ: 'DPoP+JWT' } },
        { header: { typ: 'application/dpop+jwt' } },
        { header: { kid: 'any', x5u: 'https://evil.example' } },
        { header: { jwk: { ...one.jwk, alg: 'ES256', kid: 'k', use: 'sig' } } },
        { claims: { exp: seconds() + 60, nbf: seconds(), sub: 'anyone', nonce: 'unasked' } },
      ]) {
        expect(await says(proof(change)), JSON.stringify(change)).to.equal('allowed');
      }
    });

    it('is for the resource however its URL is spelled, with any query and fragment', async () => {
      for (const htu of [
        'https://mcp.example:443/mcp',
        'HTTPS://MCP.EXAMPLE/mcp',
        'https://mcp.example/%6Dcp',
        'https://mcp.example/a/../mcp',
        `${RESOURCE}?a=1`,
        `${RESOURCE}#part`,
        `${RESOURCE}?a=1#part`,
      ]) {
        expect(await says(proof({ claims: { htu } })), htu).to.equal('allowed');
      }
    });

    it('is good for its method alone, GET and DELETE included', async () => {
      for (const method of ['GET', 'DELETE', 'POST']) {
        const change = { claims: { htm: method } };
        expect(await says(proof(change), { fake: { method, headers: { dpop: proof(change) } } })).to.equal('allowed');
      }
    });

    it('is good within the window, on both sides', async () => {
      for (const iat of [-300, -299, 0, 299, 300]) {
        expect(await says(proof({ claims: { iat: seconds() + iat } })), String(iat)).to.equal('allowed');
      }
      for (const iat of [-301, 301, -3600, 3600]) {
        expect(await says(proof({ claims: { iat: seconds() + iat } })), String(iat)).to.equal('time');
      }
      const change = { window: 10 };
      expect(await says(proof({ claims: { iat: seconds() - 10 } }), { change })).to.equal('allowed');
      expect(await says(proof({ claims: { iat: seconds() - 11 } }), { change })).to.equal('time');
    });

    it('is for the path at which a proxy delivers the resource, when a developer says so', async () => {
      const fake = { target: '/internal' };
      const given = { headers: { dpop: proof() }, ...fake };
      expect(await says(undefined, { change: { path: '/internal' }, fake: given })).to.equal('allowed');
      expect(await says(undefined, { fake: { headers: { dpop: proof() }, ...fake } })).to.equal('target');
    });
  });

  describe('the twelve checks of RFC 9449 section 4.3', () => {
    type Case = readonly [what: string, lines: () => string | readonly string[] | undefined, verdict: string];
    const signed = (change: ProofChange) => () => proof(change);
    const header = (members: Readonly<Record<string, unknown>>) => signed({ header: members });
    const claims = (members: Readonly<Record<string, unknown>>) => signed({ claims: members });
    const cases: readonly Case[] = [
      ['1: no proof', () => undefined, 'missing'],
      ['1: two proofs', () => [proof(), proof()], 'duplicate'],
      ['1: the same proof twice', () => Array<string>(2).fill(proof()), 'duplicate'],
      ['1: two proofs in one line', () => `${proof()}, ${proof()}`, 'format'],
      ['1: an empty line', () => '', 'format'],
      ['2: not a JWT', () => 'proof', 'format'],
      ['2: a JWT without signature', () => proof().replace(/[^.]+$/, ''), 'format'],
      ['2: a JWE', () => `${proof()}.a.b`, 'format'],
      ['2: a padded signature', () => `${proof()}=`, 'format'],
      ['2: claims that are no object', () => one.forge.token({ typ: 'dpop+jwt' }, '[]'), 'format'],
      [
        '2: two claims of one name',
        () => one.forge.token({ typ: 'dpop+jwt', alg: 'ES256', jwk: one.jwk }, '{"jti":"a","jti":"b"}'),
        'format',
      ],
      ['2: more than 8 KiB', claims({ pad: 'x'.repeat(8192) }), 'format'],
      ['3: no jti', claims({ jti: undefined }), 'claim: jti'],
      ['3: an empty jti', claims({ jti: '' }), 'claim: jti'],
      ['3: a jti that is a number', claims({ jti: 1 }), 'claim: jti'],
      ['3: no htm', claims({ htm: undefined }), 'claim: htm'],
      ['3: no htu', claims({ htu: undefined }), 'claim: htu'],
      ['3: no iat', claims({ iat: undefined }), 'claim: iat'],
      ['3: an iat that is a string', claims({ iat: String(Date.now()) }), 'claim: iat'],
      ['3: no ath', claims({ ath: undefined }), 'claim: ath'],
      ['3: an ath that is null', claims({ ath: null }), 'claim: ath'],
      ['4: no typ', header({ typ: undefined }), 'type'],
      ['4: the typ of any JWT', header({ typ: 'JWT' }), 'type'],
      ['4: the typ of an access token', header({ typ: 'at+jwt' }), 'type'],
      ['4: a typ that is a list', header({ typ: ['dpop+jwt'] }), 'type'],
      ['5: no alg', header({ alg: undefined }), 'algorithm'],
      ['5: the alg none', header({ alg: 'none' }), 'algorithm'],
      ['5: a symmetric alg', header({ alg: 'HS256' }), 'algorithm'],
      ['5: an alg that is not allowed', header({ alg: 'RS1' }), 'algorithm'],
      ['5: an alg of another case', header({ alg: 'es256' }), 'algorithm'],
      [
        '5: an alg that is not that of the key',
        () => proof({ header: { jwk: { ...one.jwk, alg: 'ES384' } } }),
        'algorithm',
      ],
      ['5: an alg for another kind of key', header({ alg: 'RS256' }), 'key'],
      ['5: an alg for another curve', header({ alg: 'ES384' }), 'key'],
      ['6: the signature of another proof', () => proof().replace(/[^.]+$/, proof().split('.')[2] ?? ''), 'signature'],
      ['6: a signature over other bytes', () => signedOver(proof(), proof()), 'signature'],
      ['6: a signature that is not as long', signed({ signature: Buffer.alloc(63, 1) }), 'signature'],
      ['6: a signature of zeros', signed({ signature: Buffer.alloc(64) }), 'signature'],
      ['6: a critical extension', header({ crit: ['b64'], b64: true }), 'critical'],
      ['7: no jwk', header({ jwk: undefined }), 'key'],
      ['7: a jwk that is a string', header({ jwk: 'x' }), 'key'],
      ['7: a jwk without kty', header({ jwk: { x: 'x', y: 'y' } }), 'key'],
      ['7: a private jwk', () => proof({ header: { jwk: one.forge.privateJwk } }), 'key'],
      ['7: a jwk with a null private member', () => proof({ header: { jwk: { ...one.jwk, d: null } } }), 'key'],
      ['7: a symmetric jwk', header({ jwk: { kty: 'oct', k: 'AAAA' } }), 'key'],
      ['8: another method', claims({ htm: 'GET' }), 'method'],
      ['8: a method of another case', claims({ htm: 'post' }), 'method'],
      ['9: another path', claims({ htu: `${RESOURCE}2` }), 'url'],
      ['9: a path of another case', claims({ htu: 'https://mcp.example/MCP' }), 'url'],
      ['9: a trailing slash', claims({ htu: `${RESOURCE}/` }), 'url'],
      ['9: an escaped slash', claims({ htu: 'https://mcp.example/x%2F..%2Fmcp' }), 'url'],
      ['9: another host', claims({ htu: 'https://mcp.example.evil.example/mcp' }), 'url'],
      ['9: another port', claims({ htu: 'https://mcp.example:8443/mcp' }), 'url'],
      ['9: another scheme', claims({ htu: 'http://mcp.example/mcp' }), 'url'],
      ['9: user information', claims({ htu: 'https://user@mcp.example/mcp' }), 'url'],
      ['9: a path alone', claims({ htu: '/mcp' }), 'url'],
      ['9: what a parser would repair', claims({ htu: 'https://mcp.example\\mcp' }), 'url'],
      ['9: white space', claims({ htu: ` ${RESOURCE}` }), 'url'],
      ['11: from the past', () => proof({ claims: { iat: seconds() - 301 } }), 'time'],
      ['11: from the future', () => proof({ claims: { iat: seconds() + 301 } }), 'time'],
      ['11: expired by its own word', () => proof({ claims: { exp: seconds() } }), 'time'],
      ['11: not valid yet by its own word', () => proof({ claims: { nbf: seconds() + 1 } }), 'time'],
      ['12: the hash of another token', () => one.proof('another.token', seconds()), 'token'],
      ['12: the hash of the scheme and the token', () => one.proof(`DPoP ${TOKEN}`, seconds()), 'token'],
      ['12: another key', () => other.proof(TOKEN, seconds()), 'key'],
      ['12: another key, signed with the right one', () => proof({ header: { jwk: other.jwk } }), 'key'],
      [
        '12: the right key, signed with another',
        () => other.proof(TOKEN, seconds(), { header: { jwk: one.jwk } }),
        'signature',
      ],
    ];
    for (const [what, lines, verdict] of cases) {
      it(`deny ${what}`, async () => {
        expect(await says(lines())).to.equal(verdict);
      });
    }

    it('deny a proof after all of its nearest neighbours were allowed', async () => {
      expect(await says(proof())).to.equal('allowed');
    });

    it('deny a weak RSA key, though a token is bound to it', async () => {
      const weak = prover('RS256', 1024);
      const { request } = fakeContext({ headers: { dpop: weak.proof(TOKEN, seconds()) } });
      expect(await verdictOf(verifier()(request, { token: TOKEN, thumbprint: weak.jkt }))).to.equal('key');
    });
  });

  describe('check 9, and where the request went', () => {
    it('believes nothing that Host or forwarded headers say', async () => {
      const spoofed = proof({ claims: { htu: 'https://evil.example/mcp' } });
      const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' };
      expect(await says(undefined, { fake: { headers: { ...headers, dpop: spoofed } } })).to.equal('url');
      expect(await says(undefined, { fake: { headers: { ...headers, dpop: proof() } } })).to.equal('allowed');
    });

    it('denies a proof for the resource on a request to something else', async () => {
      for (const target of [
        '/mcp/',
        '/mcp2',
        '/',
        '*',
        'https://evil.example/mcp',
        'mcp',
        '//evil.example/mcp',
        '/mcp#x',
      ]) {
        expect(await says(undefined, { fake: { target, headers: { dpop: proof() } } }), target).to.equal('target');
      }
      for (const target of ['/mcp', '/mcp?a=1', 'https://mcp.example/mcp', 'HTTPS://MCP.example:443/mcp?a']) {
        expect(await says(undefined, { fake: { target, headers: { dpop: proof() } } }), target).to.equal('allowed');
      }
    });
  });

  describe('check 10, the nonce', () => {
    const nonces = openNonces('test', { secret: 's'.repeat(32), seconds: 60 }, now);

    it('must be one of this server, while it is good', async () => {
      const change = { nonces };
      const given = nonces.current();
      expect(await says(proof(), { change })).to.equal('nonce');
      expect(await says(proof({ claims: { nonce: given } }), { change })).to.equal('allowed');
      for (const nonce of [`${given}x`, given.slice(1), 'x', given.toLowerCase()]) {
        expect(await says(proof({ claims: { nonce } }), { change }), nonce).to.equal('nonce');
      }
      for (const nonce of ['', 1, [given]]) {
        expect(await says(proof({ claims: { nonce } }), { change })).to.equal('claim: nonce');
      }
      pass(120);
      expect(await says(proof({ claims: { nonce: given } }), { change })).to.equal('nonce');
      expect(await says(proof({ claims: { nonce: nonces.current() } }), { change })).to.equal('allowed');
    });
  });

  describe('the replay check of section 11.1', () => {
    it('accepts a proof once, at any time while it is good', async () => {
      const verify = verifier();
      const line = proof({ claims: { iat: seconds() + 300 } });
      const saysAgain = (): Promise<string> => {
        const { request } = fakeContext({ headers: { dpop: line } });
        return verdictOf(verify(request, { token: TOKEN, thumbprint: one.jkt }));
      };
      expect(await saysAgain()).to.equal('allowed');
      for (const step of [0, 300, 299, 1]) {
        pass(step);
        expect(await saysAgain(), String(step)).to.equal('replayed');
      }
      pass(1);
      expect(await saysAgain()).to.equal('time');
    });

    it('knows a proof by its key and its jti, however else it differs', async () => {
      const verify = verifier();
      const saysTo = (who: Prover, jti: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> => {
        const line = who.proof(TOKEN, seconds(), { claims: { jti, ...more } });
        const { request } = fakeContext({ headers: { dpop: line } });
        return verdictOf(verify(request, { token: TOKEN, thumbprint: who.jkt }));
      };
      expect(await saysTo(one, 'a')).to.equal('allowed');
      expect(await saysTo(one, 'a', { iat: seconds() - 1, extra: true })).to.equal('replayed');
      expect(await saysTo(one, 'b')).to.equal('allowed');
      expect(await saysTo(other, 'a')).to.equal('allowed');
    });

    it('spends a proof only when everything else about it is right', async () => {
      const claimed: string[] = [];
      const inner = memoryReplay({ now });
      const replay: ReplayStore = {
        claim: (key, expiresAt, holder) => {
          claimed.push(key);
          return inner.claim(key, expiresAt, holder);
        },
      };
      const change = { replay };
      const line = proof();
      const forged = `${line.slice(0, line.lastIndexOf('.'))}.${Buffer.alloc(64, 1).toString('base64url')}`;
      expect(await says(forged, { change })).to.equal('signature');
      expect(await says(line, { change, fake: { method: 'GET', headers: { dpop: line } } })).to.equal('method');
      expect(claimed).to.deep.equal([]);
      expect(await says(line, { change })).to.equal('allowed');
      expect(claimed).to.have.length(1);
    });

    it('lets one of many parallel uses through', async () => {
      const verify = verifier();
      const line = proof();
      const all = Array.from({ length: 100 }, () => {
        const { request } = fakeContext({ headers: { dpop: line } });
        return verdictOf(verify(request, { token: TOKEN, thumbprint: one.jkt }));
      });
      expect((await Promise.all(all)).filter((verdict) => verdict === 'allowed')).to.have.length(1);
    });
  });

  it('takes from a proof that was valid what the same header says, and nothing else', async () => {
    const verify = verifier();
    const saysOf = (line: string, thumbprint = one.jkt): Promise<string> =>
      verdictOf(verify(fakeContext({ headers: { dpop: line } }).request, { token: TOKEN, thumbprint }));
    expect(await saysOf(proof())).to.equal('allowed');
    expect(await saysOf(signedOver(proof(), proof()))).to.equal('signature');
    expect(await saysOf(proof({ claims: { htm: 'GET' } }))).to.equal('method');
    expect(await saysOf(proof(), other.jkt)).to.equal('key');
    expect(await saysOf(other.proof(TOKEN, seconds()))).to.equal('key');
    expect(await saysOf(other.proof(TOKEN, seconds()), other.jkt)).to.equal('allowed');
    expect(await saysOf(proof())).to.equal('allowed');
  });

  it('is not made for a resource that no proof could name', () => {
    expect(() => verifier({ resource: 'https://mcp.example/%zz' })).to.throw(TypeError, "'resource' must be");
  });

  it('accepts nothing by a clock that tells no time', async () => {
    expect(await says(proof(), { change: { now: () => new Date(NaN) } })).to.equal('time');
  });
});
