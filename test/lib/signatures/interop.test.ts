// Another implementation of RFC 9421 as a judge: what it signs counts here, and what is signed here it verifies.
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { expect } from 'chai';
import { createSigner, createVerifier, httpbis, type SigningKey } from 'http-message-signatures';
import { exportPKCS8, generateKeyPair, exportJWK, calculateJwkThumbprint, type JWK } from 'jose';
import request from 'supertest';
import { signingFetch } from '../../../client/index.js';
import { importSignKey, importVerifyKey, type KeyAlgorithm } from '../../../lib/keys/algorithms.js';
import { contextOf, verifySignature } from '../../../lib/index.js';
import { coverageOf } from '../../../lib/signatures/coverage.js';
import { originOf, targetOf } from '../../../lib/signatures/message.js';
import { findSignatures, readSignature } from '../../../lib/signatures/received.js';
import { signMessage } from '../../../lib/signatures/sign.js';
import { verifyMessage } from '../../../lib/signatures/verify.js';
import { signRequest } from '../../../lib/testing.js';
import { frameworks } from '../../support/frameworks.js';
import { rejectionOf } from './thrown.js';

const ALGORITHMS: Readonly<Record<string, KeyAlgorithm>> = {
  'rsa-v1_5-sha256': 'RS256',
  'ecdsa-p256-sha256': 'ES256',
  'ecdsa-p384-sha384': 'ES384',
  ed25519: 'Ed25519',
};

const resource = 'https://mcp.example.com/mcp';
const owner = 'https://agent.example.com';
const message = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"}}';
const digest = `sha-256=:${createHash('sha256').update(message).digest('base64')}:`;
const fields = {
  'content-type': 'application/json',
  'content-digest': digest,
  authorization: 'Bearer token',
  'mcp-name': 'read',
};
const covered = ['@method', '@target-uri', 'content-type', 'content-digest', 'authorization', 'mcp-name'];

interface Keys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly keyId: string;
  readonly privateJwk: JWK;
  readonly publicJwk: JWK;
}

async function keysFor(algorithm: KeyAlgorithm): Promise<Keys> {
  const pair = await generateKeyPair(algorithm, { extractable: true });
  const privateKey = createPrivateKey(await exportPKCS8(pair.privateKey));
  const publicJwk = { ...(await exportJWK(pair.publicKey)), alg: algorithm };
  return {
    privateKey,
    publicKey: createPublicKey(privateKey),
    keyId: await calculateJwkThumbprint(publicJwk),
    privateJwk: { ...(await exportJWK(pair.privateKey)), alg: algorithm },
    publicJwk,
  };
}

for (const [name, algorithm] of Object.entries(ALGORITHMS)) {
  describe(`signatures of http-message-signatures with ${name}`, () => {
    let keys: Keys;
    let theirs: SigningKey;
    const now = (): number => Math.floor(Date.now() / 1000);

    before(async () => {
      keys = await keysFor(algorithm);
      theirs = createSigner(keys.privateKey, name, keys.keyId);
    });

    /** What the other implementation makes of a request by the profile of `verifySignature`. */
    const signedByThem = async (params: readonly string[] = [], url = resource): Promise<Record<string, string>> => {
      const { headers } = await httpbis.signMessage(
        {
          key: theirs,
          name: 'theirs',
          fields: covered,
          params: ['created', 'expires', 'nonce', 'keyid', ...params, 'tag'],
          paramValues: {
            created: new Date(now() * 1000),
            expires: new Date((now() + 60) * 1000),
            nonce: crypto.randomUUID(),
            tag: 'mcp-etdi',
          },
        },
        { method: 'POST', url, headers: { ...fields } },
      );
      return Object.fromEntries(Object.entries(headers).map(([one, value]) => [one.toLowerCase(), value]));
    };

    /** Whether the other implementation verifies a request. */
    const verifiedByThem = (
      headers: Record<string, string>,
      { method = 'POST', url = resource, requiredFields = covered } = {},
    ): Promise<boolean | null> => {
      const verifier = createVerifier(keys.publicKey, name);
      const keyLookup = (parameters: { keyid?: string }) =>
        Promise.resolve(parameters.keyid === keys.keyId ? { id: keys.keyId, algs: [name], verify: verifier } : null);
      const requiredParams = ['created', 'expires', 'nonce', 'keyid', 'tag'];
      return httpbis.verifyMessage({ keyLookup, requiredParams, requiredFields }, { method, url, headers });
    };

    describe('are verified here', () => {
      const verdict = async (headers: Record<string, string>, target = '/mcp'): Promise<string | undefined> => {
        const lines = Object.fromEntries(Object.entries(headers).map(([one, value]) => [one, [value]]));
        const received = { method: 'POST', target: targetOf(originOf(resource), target), headers: lines };
        const [found] = findSignatures(lines);
        return rejectionOf(() => verifyMessage(received, readSignature(found!), importVerifyKey(keys.publicJwk)));
      };

      it('by the engine, and not when anything is changed', async () => {
        const headers = await signedByThem();
        expect(await verdict(headers)).to.equal(undefined);
        expect(await verdict({ ...headers, authorization: 'Bearer other' })).to.equal('signature_mismatch');
        expect(await verdict(headers, '/mcp?a')).to.equal('signature_mismatch');
      });

      it('when they name their algorithm', async () => {
        const headers = await signedByThem(['alg']);
        expect(headers['signature-input']).to.include(`;alg="${name}"`);
        expect(await verdict(headers)).to.equal(undefined);
      });

      it('with a query', async () => {
        const headers = await signedByThem([], `${resource}?tenant=a%20b&x`);
        expect(await verdict(headers, '/mcp?tenant=a%20b&x')).to.equal(undefined);
      });

      it('by verifySignature over HTTP, once', async () => {
        const check = verifySignature({ keys: [{ owner, jwks: { keys: [keys.publicJwk] } }], resource });
        const app = frameworks['Express 5']!([[check]], (req, res) => {
          res.end(JSON.stringify(contextOf(req, 'signature').state.signature));
        });
        const headers = await signedByThem();
        const post = () => request(app).post('/mcp').set(headers).send(message);
        const answer = await post().expect(200);
        expect(JSON.parse(answer.text)).to.deep.include({ owner, algorithm, keyId: keys.keyId, components: covered });
        await post().expect(401);
        await request(app)
          .post('/mcp')
          .set(await signedByThem())
          .send(message.replace('read', 'wipe'))
          .expect(401);
      });
    });

    describe('are what those made here are for it', () => {
      it('of the engine', async () => {
        const key = await importSignKey(keys.privateJwk);
        const lines = Object.fromEntries(Object.entries(fields).map(([one, value]) => [one, [value]]));
        const made = await signMessage(
          { method: 'POST', target: targetOf(originOf(resource), '/mcp'), headers: lines },
          {
            coverage: coverageOf(covered),
            parameters: { created: now(), expires: now() + 60, nonce: 'n', keyid: keys.keyId, tag: 'mcp-etdi' },
            key,
          },
        );
        expect(await verifiedByThem({ ...fields, ...made })).to.equal(true);
        expect(await verifiedByThem({ ...fields, ...made, 'mcp-name': 'wipe' })).to.equal(false);
        expect(await verifiedByThem({ ...fields, ...made }, { method: 'PUT' })).to.equal(false);
      });

      it('of signRequest', async () => {
        const key = await importSignKey(keys.privateJwk);
        const signer = { current: () => Promise.resolve(key) };
        const { 'content-digest': _own, ...given } = fields;
        const headers = await signRequest({ url: resource, headers: given, body: message }, { signer });
        expect(headers['content-digest']).to.equal(digest);
        expect(await verifiedByThem(headers)).to.equal(true);
        expect(await verifiedByThem(headers, { url: `${resource}?a` })).to.equal(false);
      });

      it('of signingFetch, with content and without', async () => {
        const key = await importSignKey(keys.privateJwk);
        const sent: { url: string; method: string; headers: Record<string, string> }[] = [];
        const send = signingFetch({
          signer: { current: () => Promise.resolve(key) },
          resource,
          fetch: (url, { method = 'GET', headers } = {}) => {
            sent.push({ url: (url as URL).href, method, headers: Object.fromEntries(new Headers(headers)) });
            return Promise.resolve(new Response());
          },
        });
        const { 'content-digest': _own, ...given } = fields;
        await send(`${resource}?a=1`, { method: 'POST', headers: given, body: message });
        await send(resource, { method: 'DELETE', headers: { 'mcp-session-id': 's' } });
        for (const { url, method, headers } of sent) {
          const requiredFields = method === 'POST' ? covered : ['@method', '@target-uri', 'mcp-session-id'];
          expect(await verifiedByThem(headers, { method, url, requiredFields })).to.equal(true);
          expect(await verifiedByThem(headers, { method: 'GET', url, requiredFields })).to.equal(false);
        }
        expect(sent).to.have.lengthOf(2);
      });
    });
  });
}
