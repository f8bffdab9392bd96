import { createServer, request as send, type IncomingHttpHeaders, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { expect } from 'chai';
import { authenticate, contextOf, oidc, type AnyMiddleware, type DPoPOptions } from '../../lib/index.js';
import { fakeIssuer, type FakeIssuer } from '../../lib/testing.js';
import { prover, RESOURCE, type ProofChange, type Prover } from '../lib/dpop/proofs.js';
import { frameworks } from '../support/frameworks.js';

const BODY = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'test_simple_text' } });

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly raw: readonly string[];
  readonly body: string;
}

type Lines = Readonly<Record<string, string | readonly string[]>>;

for (const [name, boot] of Object.entries(frameworks)) {
  describe(`DPoP over HTTP, on ${name}`, () => {
    let as: FakeIssuer;
    let who: Prover;
    let server: Server;
    let token: string;

    let ownCaching: string | undefined;

    const open = async (dpop: DPoPOptions): Promise<void> => {
      const check = authenticate({ issuers: [oidc({ issuer: as.issuer })], resource: RESOURCE, fetch: as.fetch, dpop });
      server = createServer(
        boot([[check as AnyMiddleware]], (req, res) => {
          const { auth } = contextOf(req, 'auth').state;
          if (ownCaching !== undefined) res.setHeader('cache-control', ownCaching);
          res.end(JSON.stringify({ subject: auth.subject, bindings: auth.bindings }));
        }),
      );
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    };

    before(() => {
      as = fakeIssuer({ resource: RESOURCE });
      who = prover();
    });

    const close = async (): Promise<void> => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    };

    const post = (headers: Lines, { method = 'POST', path = '/mcp' } = {}): Promise<Answer> =>
      new Promise((resolve, reject) => {
        const { port } = server.address() as AddressInfo;
        const all = { 'content-type': 'application/json', ...headers } as Record<string, string | string[]>;
        const sent = send({ port, host: '127.0.0.1', path, method, headers: all, agent: false }, (res) => {
          let body = '';
          res.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
          res.once('end', () => {
            resolve({ status: res.statusCode ?? 0, headers: res.headers, raw: res.rawHeaders, body });
          });
        });
        sent.once('error', reject).end(method === 'POST' ? BODY : undefined);
      });
    const proof = (change?: ProofChange): string => who.proof(token, Date.now() / 1000, change);
    const withProof = (line: string | readonly string[]): Promise<Answer> =>
      post({ authorization: `DPoP ${token}`, dpop: line });

    describe('with default options', () => {
      before(async () => {
        token = await as.token({ cnf: { jkt: who.jkt }, sub: 'jane' });
        await open({});
      });
      after(close);

      it('lets a bound token with its proof through, and hands the key over', async () => {
        const { status, body, headers } = await withProof(proof());
        expect(status).to.equal(200);
        const bindings = [{ method: 'dpop', thumbprint: who.jkt }];
        expect(JSON.parse(body)).to.deep.equal({ subject: 'jane', bindings });
        expect(headers).to.not.have.property('dpop-nonce');
      });

      it('lets GET and DELETE through with proofs of their own', async () => {
        for (const method of ['GET', 'DELETE']) {
          const headers = { authorization: `DPoP ${token}`, dpop: proof({ claims: { htm: method } }) };
          expect((await post(headers, { method })).status, method).to.equal(200);
          const stolen = { authorization: `DPoP ${token}`, dpop: proof() };
          expect((await post(stolen, { method })).status, method).to.equal(401);
        }
      });

      it('takes the query of a request for no part of htu', async () => {
        const headers = { authorization: `DPoP ${token}`, dpop: proof() };
        expect((await post(headers, { path: '/mcp?a=1' })).status).to.equal(200);
      });

      // What a test client of the pending conformance scenario for servers does (SEP-1932), one line for each rule.
      describe('answers 401 with a DPoP challenge', () => {
        const other = prover();
        const mac = 'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkhTMjU2In0.e30.AAAA';
        const cases: Readonly<Record<string, () => string | readonly string[]>> = {
          'to a proof of another type': () => proof({ header: { typ: 'JWT' } }),
          'to a proof with alg none': () => proof({ header: { alg: 'none' }, signature: Buffer.alloc(64) }),
          'to a proof with a symmetric algorithm': () => mac,
          'to a proof with a signature of another key': () =>
            other.proof(token, Date.now() / 1000, { header: { jwk: who.jwk } }),
          'to a proof with a private key in it': () => proof({ header: { jwk: who.forge.privateJwk } }),
          'to a proof without a key': () => proof({ header: { jwk: undefined } }),
          'to a proof without jti': () => proof({ claims: { jti: undefined } }),
          'to a proof without htm': () => proof({ claims: { htm: undefined } }),
          'to a proof without htu': () => proof({ claims: { htu: undefined } }),
          'to a proof without iat': () => proof({ claims: { iat: undefined } }),
          'to a proof without ath': () => proof({ claims: { ath: undefined } }),
          'to a proof for another method': () => proof({ claims: { htm: 'GET' } }),
          'to a proof for another URL': () => proof({ claims: { htu: 'https://other.example/mcp' } }),
          'to a proof that is older than five minutes': () =>
            proof({ claims: { iat: Math.floor(Date.now() / 1000) - 310 } }),
          'to a proof from more than five minutes ahead': () =>
            proof({ claims: { iat: Math.floor(Date.now() / 1000) + 310 } }),
          'to a proof for another token': () =>
            proof({ claims: { ath: 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo' } }),
          'to a proof of a key that the token is not bound to': () => other.proof(token, Date.now() / 1000),
          'to two proofs': () => [proof(), proof()],
          'to what is no proof': () => 'proof',
        };
        for (const [what, line] of Object.entries(cases)) {
          it(what, async () => {
            const { status, headers, body } = await withProof(line());
            expect(status).to.equal(401);
            expect(headers['www-authenticate']).to.match(/^DPoP error="invalid_dpop_proof", .*\balgs="ES256 /);
            expect(JSON.parse(body)).to.have.nested.property('error.data.code', 'proof_invalid');
          });
        }

        it('to a bound token without a proof', async () => {
          const { status, headers } = await post({ authorization: `DPoP ${token}` });
          expect(status).to.equal(401);
          expect(headers['www-authenticate']).to.match(/^DPoP error="invalid_dpop_proof"/);
        });

        it('to a proof that was used before', async () => {
          const line = proof();
          expect((await withProof(line)).status).to.equal(200);
          const { status, headers } = await withProof(line);
          expect(status).to.equal(401);
          expect(headers['www-authenticate']).to.match(/^DPoP error="invalid_dpop_proof"/);
        });

        it('to a bound token for another audience', async () => {
          const foreign = await as.token({ cnf: { jkt: who.jkt }, aud: 'https://other.example/mcp' });
          const dpop = who.proof(foreign, Date.now() / 1000);
          const { status, headers } = await post({ authorization: `DPoP ${foreign}`, dpop });
          expect(status).to.equal(401);
          expect(headers['www-authenticate']).to.match(/^DPoP error="invalid_token"/);
        });

        it('to a bound token that comes as Bearer, with its proof and without', async () => {
          for (const dpop of [{}, { dpop: proof() }]) {
            const { status, headers } = await post({ authorization: `Bearer ${token}`, ...dpop });
            expect(status).to.equal(401);
            expect(headers['www-authenticate']).to.match(/^Bearer error="invalid_token", .*, DPoP algs="ES256 /);
          }
        });
      });

      it('accepts proofs from within five minutes, on both sides', async () => {
        for (const seconds of [-290, 290]) {
          const iat = Math.floor(Date.now() / 1000) + seconds;
          expect((await withProof(proof({ claims: { iat } }))).status, String(seconds)).to.equal(200);
        }
      });

      it('answers 400 to two Authorization lines, whatever their schemes', async () => {
        const plain = await as.token();
        const lines: readonly (readonly string[])[] = [
          [`DPoP ${token}`, `Bearer ${plain}`],
          [`Bearer ${plain}`, `DPoP ${token}`],
        ];
        for (const authorization of lines) {
          const { status, headers } = await rawPost(server, { authorization, dpop: [proof()] });
          expect(status).to.equal(400);
          expect(headers).to.match(/www-authenticate: Bearer error="invalid_request", .*, DPoP algs=/i);
        }
      });

      it('reads two DPoP lines as two, not as one', async () => {
        const { status } = await rawPost(server, { authorization: [`DPoP ${token}`], dpop: [proof(), proof()] });
        expect(status).to.equal(401);
        const one = await rawPost(server, { authorization: [`DPoP ${token}`], dpop: [proof()] });
        expect(one.status).to.equal(200);
      });
    });

    describe('with nonces', () => {
      before(async () => {
        token = await as.token({ cnf: { jkt: who.jkt } });
        await open({ nonces: { secret: 's'.repeat(32), seconds: 300 } });
      });
      after(close);

      const noncesIn = ({ raw }: Answer): string[] =>
        raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === 'dpop-nonce');

      it('gives exactly one nonce with every answer to a proof, whether it counted or not', async () => {
        const asked = await withProof(proof());
        expect(asked.status).to.equal(401);
        expect(asked.headers['www-authenticate']).to.match(/^DPoP error="use_dpop_nonce"/);
        expect(asked.headers['cache-control']).to.equal('no-store');
        const [nonce, ...others] = noncesIn(asked);
        expect(others).to.deep.equal([]);
        const accepted = await withProof(proof({ claims: { nonce } }));
        expect(accepted.status).to.equal(200);
        expect(noncesIn(accepted)).to.have.length(1);
        const replayed = await withProof(proof({ claims: { nonce, htm: 'GET' } }));
        expect(replayed.status).to.equal(401);
        expect(replayed.headers['www-authenticate']).to.match(/^DPoP error="invalid_dpop_proof"/);
        expect(noncesIn(replayed)).to.have.length(1);
      });

      it('lets no cache keep an answer with a nonce, and keeps what else the answer says of caches', async () => {
        const known: readonly (readonly [own: string | undefined, sent: string])[] = [
          [undefined, 'no-store'],
          ['no-store', 'no-store'],
          ['No-Store, private', 'No-Store, private'],
          ['no-cache, no-transform', 'no-cache, no-transform, no-store'],
          ['private="no-store"', 'private="no-store", no-store'],
          ['max-age=60', 'max-age=60, no-store'],
        ];
        for (const [own, sent] of known) {
          ownCaching = own;
          const nonce = noncesIn(await withProof(proof()))[0];
          const { status, headers } = await withProof(proof({ claims: { nonce } }));
          expect([status, headers['cache-control']], own).to.deep.equal([200, sent]);
        }
        ownCaching = 'max-age=60';
        const plain = await post({ authorization: `Bearer ${await as.token()}` });
        expect(plain.headers['cache-control']).to.equal('max-age=60');
        ownCaching = undefined;
      });

      it('gives none to a caller without a proof', async () => {
        const answer = await post({ authorization: `Bearer ${await as.token()}` });
        expect(answer.status).to.equal(200);
        expect(noncesIn(answer)).to.deep.equal([]);
      });

      it('accepts no nonce that it did not make', async () => {
        const answer = await withProof(proof({ claims: { nonce: 'eyJ7S_zG.eyJH0-Z.HX4w-7v' } }));
        expect(answer.status).to.equal(401);
        expect(answer.headers['www-authenticate']).to.match(/^DPoP error="use_dpop_nonce"/);
      });
    });
  });
}

/** Sends header lines as they are. Node would join them. */
async function rawPost(
  server: Server,
  lines: Readonly<Record<string, readonly string[]>>,
): Promise<{ readonly status: number; readonly headers: string }> {
  const { port } = server.address() as AddressInfo;
  const fields = Object.entries(lines).flatMap(([name, values]) => values.map((value) => `${name}: ${value}`));
  const text = ['POST /mcp HTTP/1.1', 'Host: x', 'Connection: close', 'Content-Type: application/json'];
  const answer = await new Promise<string>((resolve, reject) => {
    let all = '';
    const socket = connect(port, '127.0.0.1', () => {
      socket.write([...text, `Content-Length: ${BODY.length}`, ...fields, '', BODY].join('\r\n'));
    });
    socket.setEncoding('utf8').on('data', (chunk: string) => (all += chunk));
    socket.once('close', () => {
      resolve(all);
    });
    socket.once('error', reject);
  });
  return { status: Number(answer.split(' ')[1]), headers: answer.split('\r\n\r\n')[0] ?? '' };
}
