import { expect } from 'chai';
import { isDenial, Unavailable, type Denial } from '../../lib/denial.js';
import { oidc } from '../../lib/providers/index.js';
import { memoryReplay, type ReplayStore } from '../../lib/stores/replay.js';
import { fakeContext, fakeIssuer, type FakeIssuer } from '../../lib/testing.js';
import type { Auth } from '../../lib/tokens/auth.js';
import { authenticate, type AuthenticateOptions } from '../../middleware/authenticate.js';
import { fakeClock } from '../lib/tokens/forge.js';
import { prover, RESOURCE, type ProofChange, type Prover } from '../lib/dpop/proofs.js';

const METADATA = 'https://mcp.example/.well-known/oauth-protected-resource/mcp';
const ALGS = 'ES256 ES384 ES512 Ed25519 EdDSA RS256 RS384 RS512';
// RFC 8705 section 3.1, figure 2, in its canonical spelling.
const X5T = 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0';

interface Setup {
  readonly as: FakeIssuer;
  readonly auth: ReturnType<typeof authenticate>;
  readonly who: Prover;
  readonly pass: (seconds: number) => void;
  readonly bound: (claims?: Readonly<Record<string, unknown>>) => Promise<string>;
  readonly proof: (token: string, change?: ProofChange) => string;
  readonly send: (authorization: string | readonly string[], dpop?: string | readonly string[]) => Promise<Auth>;
  /** `allowed`, or the code of the denial with the recorded reason. */
  readonly says: (authorization: string | readonly string[], dpop?: string | readonly string[]) => Promise<string>;
  readonly denial: (authorization: string, dpop?: string) => Promise<Denial>;
}

function setUp(options: Partial<AuthenticateOptions> = {}): Setup {
  const { now, pass } = fakeClock();
  const as = fakeIssuer({ resource: RESOURCE, now });
  const who = prover();
  const auth = authenticate({
    issuers: [oidc({ issuer: as.issuer })],
    resource: RESOURCE,
    fetch: as.fetch,
    now,
    ...options,
  });
  const send: Setup['send'] = async (authorization, dpop) => {
    const headers = { authorization, ...(dpop === undefined ? {} : { dpop }) };
    return (await auth.run(fakeContext({ headers }))).auth;
  };
  const failure = async (...args: Parameters<Setup['send']>): Promise<unknown> =>
    send(...args).then(
      () => undefined,
      (error: unknown) => error,
    );
  return {
    as,
    auth,
    who,
    pass,
    send,
    bound: (claims) => as.token({ cnf: { jkt: who.jkt }, ...claims }),
    proof: (token, change) => who.proof(token, now().getTime() / 1000, change),
    says: async (...args) => {
      const error = await failure(...args);
      if (error === undefined) return 'allowed';
      if (error instanceof Unavailable) return error.code;
      if (!isDenial(error)) throw new Error('it failed', { cause: error });
      const { reason, claim } = (error.detail ?? {}) as { reason?: string; claim?: string };
      return [error.code, reason, claim].filter((part) => part !== undefined).join(' ');
    },
    denial: async (...args) => {
      const error = await failure(...args);
      if (!isDenial(error)) throw new Error('it was not denied', { cause: error });
      return error;
    },
  };
}

describe('middleware/authenticate, with DPoP', () => {
  describe('a token that is bound to a key', () => {
    it('proves the caller and the key, for every request with a proof of its own', async () => {
      const { bound, proof, send, who } = setUp();
      const token = await bound({ sub: 'jane' });
      for (let round = 0; round < 3; round += 1) {
        const auth = await send(`DPoP ${token}`, proof(token));
        expect(auth).to.deep.include({ subject: 'jane', token });
        expect(auth.bindings).to.deep.equal([{ method: 'dpop', thumbprint: who.jkt }]);
        expect(auth).to.be.frozen;
        expect(auth.bindings).to.be.frozen;
      }
    });

    it('is no Bearer token, whether it comes with its proof or without (RFC 9449 section 7.2)', async () => {
      const { bound, proof, says } = setUp();
      const token = await bound();
      expect(await says(`Bearer ${token}`)).to.equal('token_invalid bound');
      expect(await says(`Bearer ${token}`, proof(token))).to.equal('token_invalid bound');
      expect(await says(`DPoP ${token}`, proof(token))).to.equal('allowed');
      // Now it is known, and still no Bearer token.
      expect(await says(`Bearer ${token}`)).to.equal('token_invalid bound');
      expect(await says(`Bearer ${token}`, proof(token))).to.equal('token_invalid bound');
    });

    it('needs a proof each time, known or not', async () => {
      const { bound, proof, says, who } = setUp();
      const token = await bound();
      const line = proof(token);
      expect(await says(`DPoP ${token}`)).to.equal('proof_missing missing');
      expect(await says(`DPoP ${token}`, line)).to.equal('allowed');
      expect(await says(`DPoP ${token}`)).to.equal('proof_missing missing');
      expect(await says(`DPoP ${token}`, line)).to.equal('proof_invalid replayed');
      expect(await says(`DPoP ${token}`, [proof(token), proof(token)])).to.equal('proof_invalid duplicate');
      expect(await says(`DPoP ${token}`, prover().proof(token, 0))).to.equal('proof_invalid key');
      expect(await says(`DPoP ${token}`, who.proof(`${token}x`, 0))).to.equal('proof_invalid token');
      expect(await says(`dpop ${token}`, proof(token))).to.equal('allowed');
    });

    it('is verified as any other, before its proof is looked at', async () => {
      const { bound, proof, says } = setUp();
      for (const [claims, verdict] of [
        [{ aud: 'https://other.example' }, 'token_invalid audience'],
        [{ iss: 'https://other.example' }, 'token_invalid issuer'],
        [{ exp: 1 }, 'token_invalid expired'],
        [{ sub: undefined }, 'token_invalid claim sub'],
      ] as const) {
        const token = await bound(claims);
        expect(await says(`DPoP ${token}`, proof(token))).to.equal(verdict);
      }
      const token = await bound();
      expect(await says(`DPoP ${token}x`, proof(token))).to.match(/^token_invalid (signature|format)$/);
    });

    it('ends as any other, even where it is known', async () => {
      const { bound, pass, proof, says } = setUp();
      const token = await bound();
      expect(await says(`DPoP ${token}`, proof(token))).to.equal('allowed');
      pass(330);
      expect(await says(`DPoP ${token}`, proof(token))).to.equal('token_invalid expired');
    });
  });

  describe('the Authorization header', () => {
    it('appears once, whatever the schemes (RFC 9449 section 7.2)', async () => {
      const { as, bound, proof, says } = setUp();
      const [token, plain] = [await bound(), await as.token()];
      expect(await says([`DPoP ${token}`, `Bearer ${plain}`], proof(token))).to.equal('header_duplicate');
      expect(await says([`Bearer ${plain}`, `DPoP ${token}`], proof(token))).to.equal('header_duplicate');
      expect(await says([`DPoP ${token}`, `DPoP ${token}`], proof(token))).to.equal('header_duplicate');
      expect(await says(`DPoP ${token}, Bearer ${plain}`, proof(token))).to.equal('token_malformed');
      expect(await says('DPoP', proof(token))).to.equal('token_malformed');
      expect(await says(`DPoP\t${token}`, proof(token))).to.equal('token_malformed');
      expect(await says(`DPoPX ${token}`, proof(token))).to.equal('token_missing');
    });
  });

  describe('a token that is bound to nothing', () => {
    it('needs no proof as Bearer, and is none under the scheme DPoP', async () => {
      const { as, proof, says } = setUp();
      const token = await as.token();
      expect(await says(`Bearer ${token}`)).to.equal('allowed');
      expect(await says(`DPoP ${token}`, proof(token))).to.equal('token_invalid unbound');
      expect(await says(`DPoP ${token}`)).to.equal('token_invalid unbound');
      expect(await says(`Bearer ${token}`, proof(token))).to.equal('allowed');
    });

    it('proves no key', async () => {
      const { as, send } = setUp();
      expect(await send(`Bearer ${await as.token()}`)).to.not.have.property('bindings');
    });
  });

  describe('a token that is bound in another way', () => {
    it('is denied, with and without a proof', async () => {
      const { as, proof, says, who } = setUp();
      for (const cnf of [
        {},
        null,
        'x',
        [],
        [who.jkt],
        { jkt: 'x' },
        { jkt: who.jkt.slice(1) },
        { jkt: `${who.jkt}=` },
        { jkt: [who.jkt] },
        { jwk: who.jwk },
        { kid: who.jkt },
        { jkt: who.jkt, jwk: who.jwk },
        { jkt: who.jkt, 'x5t#S256': X5T },
        { jkt: who.jkt, unknown: true },
        { 'x5t#S256': X5T },
      ]) {
        const token = await as.token({ cnf });
        expect(await says(`DPoP ${token}`, proof(token)), JSON.stringify(cnf)).to.match(/^token_invalid (un)?bound$/);
        expect(await says(`Bearer ${token}`), JSON.stringify(cnf)).to.equal('token_invalid bound');
      }
    });

    it('is no less bound for what Keycloak remarks', async () => {
      const { as, proof, says, who } = setUp();
      const token = await as.token({ cnf: { jkt: who.jkt, 'kc-jkt-type': 'dpop' } });
      expect(await says(`DPoP ${token}`, proof(token))).to.equal('allowed');
      expect(await says(`Bearer ${token}`)).to.equal('token_invalid bound');
      const remark = await as.token({ cnf: { 'kc-jkt-type': 'dpop' } });
      expect(await says(`Bearer ${remark}`)).to.equal('token_invalid bound');
    });
  });

  describe('the mode', () => {
    it('off knows no DPoP, and lets no bound token through', async () => {
      const { as, bound, proof, says, denial } = setUp({ dpop: { mode: 'off' } });
      const token = await bound();
      expect(await says(`DPoP ${token}`, proof(token))).to.equal('token_missing');
      expect(await says(`Bearer ${token}`, proof(token))).to.equal('token_invalid bound');
      expect(await says(`Bearer ${await as.token()}`)).to.equal('allowed');
      expect((await denial('Bearer x')).headers['WWW-Authenticate'])
        .to.match(/^Bearer /)
        .and.not.include('DPoP');
    });

    it('require lets nothing through but bound tokens', async () => {
      const { as, bound, proof, says, denial } = setUp({ dpop: { mode: 'require' } });
      const [token, plain] = [await bound(), await as.token()];
      expect(await says(`DPoP ${token}`, proof(token))).to.equal('allowed');
      expect(await says(`Bearer ${plain}`)).to.equal('token_invalid unbound');
      expect(await says(`Bearer ${plain}`)).to.equal('token_invalid unbound');
      expect(await says(`Bearer ${token}`)).to.equal('token_invalid bound');
      expect((await denial('Basic x')).headers['WWW-Authenticate']).to.equal(
        `DPoP algs="${ALGS}", resource_metadata="${METADATA}"`,
      );
      expect((await denial(`Bearer ${plain}`)).headers['WWW-Authenticate']).to.match(/^DPoP error="invalid_token"/);
    });

    it('requireBinding lets any kind of bound token through, and no other', async () => {
      const { as, bound, proof, says } = setUp({ requireBinding: true });
      const [token, plain] = [await bound(), await as.token()];
      expect(await says(`DPoP ${token}`, proof(token))).to.equal('allowed');
      expect(await says(`Bearer ${plain}`)).to.equal('token_invalid unbound');
      expect(await says(`Bearer ${plain}`)).to.equal('token_invalid unbound');
    });
  });

  describe('the challenge (RFC 9449 section 7.1)', () => {
    it('names algorithms and metadata, and what is wrong with a proof in the same words for all', async () => {
      const { bound, proof, denial } = setUp({ scopes: ['mcp'] });
      const token = await bound();
      const words = `DPoP error="invalid_dpop_proof", error_description="The DPoP proof is not valid here", algs="${ALGS}", resource_metadata="${METADATA}"`;
      for (const line of [undefined, 'x', proof('other'), proof(token, { claims: { iat: 1 } })]) {
        const { status, headers } = await denial(`DPoP ${token}`, line);
        expect(status).to.equal(401);
        expect(headers).to.deep.equal({ 'WWW-Authenticate': words });
      }
    });

    it('says invalid_token under the scheme that the token came with', async () => {
      const { as, bound, proof, denial } = setUp({ scopes: ['mcp'] });
      const plain = await as.token();
      const rest = `error="invalid_token", error_description="The access token is not valid here", scope="mcp"`;
      expect((await denial(`DPoP ${plain}`, proof(plain))).headers['WWW-Authenticate']).to.equal(
        `DPoP ${rest}, algs="${ALGS}", resource_metadata="${METADATA}"`,
      );
      expect((await denial(`Bearer ${await bound()}`)).headers['WWW-Authenticate']).to.equal(
        `Bearer ${rest}, resource_metadata="${METADATA}", DPoP algs="${ALGS}"`,
      );
    });

    it('names the algorithms that are allowed, and no proof is accepted with another', async () => {
      const { bound, proof, denial, says } = setUp({ dpop: { algorithms: ['Ed25519', 'ES384'] } });
      const token = await bound();
      expect(await says(`DPoP ${token}`, proof(token))).to.equal('proof_invalid algorithm');
      expect((await denial(`DPoP ${token}`)).headers['WWW-Authenticate']).to.include('algs="Ed25519 ES384"');
    });

    it('asks for a nonce, gives it, and is not kept by caches (RFC 9449 section 9)', async () => {
      const { bound, proof, denial, says } = setUp({ dpop: { nonces: {} } });
      const token = await bound();
      const { status, code, headers } = await denial(`DPoP ${token}`, proof(token));
      expect({ status, code }).to.deep.equal({ status: 401, code: 'proof_nonce' });
      expect(headers['WWW-Authenticate']).to.match(/^DPoP error="use_dpop_nonce", .*algs="ES256 /);
      expect(headers['Cache-Control']).to.equal('no-store');
      const nonce = headers['DPoP-Nonce'];
      expect(nonce).to.match(/^[\x21\x23-\x5b\x5d-\x7e]+$/);
      expect(await says(`DPoP ${token}`, proof(token, { claims: { nonce } }))).to.equal('allowed');
      expect(await says(`DPoP ${token}`, proof(token, { claims: { nonce: `${nonce}x` } }))).to.equal(
        'proof_nonce nonce',
      );
    });

    it('is 400 for a request to something else than the resource', async () => {
      const { auth, bound, proof } = setUp();
      const token = await bound();
      const headers = { authorization: `DPoP ${token}`, dpop: proof(token) };
      const error: unknown = await Promise.resolve(auth.run(fakeContext({ target: '/other', headers }))).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).to.deep.include({ status: 400, code: 'proof_target' });
    });
  });

  describe('the replay store', () => {
    it('is shared by what shares it', async () => {
      const replay = memoryReplay({ now: () => new Date('2026-06-01T12:00:00Z') });
      const one = setUp({ dpop: { replay } });
      const token = await one.bound();
      const line = one.proof(token);
      const other = authenticate({
        issuers: [oidc({ issuer: one.as.issuer })],
        resource: RESOURCE,
        fetch: one.as.fetch,
        now: one.as.now,
        dpop: { replay },
      });
      expect(await one.says(`DPoP ${token}`, line)).to.equal('allowed');
      const again: unknown = await Promise.resolve(
        other.run(fakeContext({ headers: { authorization: `DPoP ${token}`, dpop: line } })),
      ).catch((thrown: unknown) => thrown);
      expect(again).to.deep.include({ status: 401, code: 'proof_invalid' });
    });

    it('is asked last, and lets nothing through while it is down', async () => {
      const down: ReplayStore = { claim: () => Promise.reject(new Unavailable('down')) };
      const { as, bound, proof, says } = setUp({ dpop: { replay: down } });
      const token = await bound();
      expect(await says(`DPoP ${token}`, proof(token))).to.equal('unavailable');
      expect(await says(`DPoP ${token}`, proof('other'))).to.equal('proof_invalid token');
      expect(await says(`Bearer ${await as.token()}`)).to.equal('allowed');
    });
  });

  describe('an option that is not one', () => {
    const bad: readonly (readonly [dpop: object, text: string])[] = [
      [{ mode: 'on' }, "'mode' must be one of 'off', 'accept', 'require'"],
      [{ algorithms: [] }, "'algorithms' must have at least 1 element"],
      [{ algorithms: ['HS256'] }, "'algorithms' [0] must be one of"],
      [{ algorithms: ['none'] }, "'algorithms' [0] must be one of"],
      [{ window: 301 }, "'window' must be a whole number from 1 to 300"],
      [{ window: 0 }, "'window' must be"],
      [{ path: 'mcp' }, "'path' must be a path"],
      [{ nonce: {} }, "did you mean 'nonces'?"],
      [{ nonces: { secret: 'short' } }, "authenticate 'nonces': 'secret' must be"],
      [{ replay: 'redis' }, "'replay' must be a store with a function 'claim'"],
    ];
    for (const [dpop, text] of bad) {
      it(`is a TypeError: ${JSON.stringify(dpop)}`, () => {
        expect(() => setUp({ dpop })).to.throw(TypeError, text);
      });
    }
  });
});
