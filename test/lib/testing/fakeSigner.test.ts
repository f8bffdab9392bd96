import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { ALGORITHMS } from '../../../lib/keys/algorithms.js';
import { verifySignature } from '../../../lib/index.js';
import { fakeContext, fakeSigner, signRequest, type RequestToSign } from '../../../lib/testing.js';

const resource = 'https://mcp.example.com/mcp';
const owner = 'https://agent.example.com';
const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
const digestOf = (content: string | Uint8Array): string =>
  `sha-256=:${createHash('sha256').update(content).digest('base64')}:`;

describe('fakeSigner', () => {
  it('has a key of its own for each, and the key set that trusts it', async () => {
    const [one, other] = [await fakeSigner(), await fakeSigner()];
    expect(one.keyId).to.not.equal(other.keyId);
    expect(one.jwks.keys).to.have.lengthOf(1);
    expect(one.jwks.keys[0]).to.include({ kid: one.keyId, alg: 'ES256', use: 'sig' }).and.not.have.property('d');
    expect(await one.current()).to.include({ keyId: one.keyId, algorithm: 'ES256' });
  });

  it('is for any algorithm', async () => {
    for (const algorithm of ALGORITHMS.filter((name) => !name.startsWith('RS'))) {
      expect(await (await fakeSigner(algorithm)).current()).to.include({ algorithm });
    }
  });
});

describe('signRequest', () => {
  it('signs so that verifySignature proves it', async () => {
    const signer = await fakeSigner();
    const headers = await signRequest({ method: 'GET', url: resource }, { signer });
    const check = verifySignature({ keys: [{ owner, jwks: signer.jwks }], resource, mode: 'all' });
    const request = { method: 'GET', target: '/mcp' };
    expect(await check.run(fakeContext({ ...request, headers }))).to.have.nested.property('signature.owner', owner);
    const error: unknown = await Promise.resolve(check.run(fakeContext(request))).catch((thrown: unknown) => thrown);
    expect(error).to.have.property('code', 'signature_required');
  });

  it('is a POST of JSON unless it is told otherwise', async () => {
    const signer = await fakeSigner();
    const text = JSON.stringify(ping);
    const bytes = new TextEncoder().encode(text);
    const cases: [request: Omit<RequestToSign, 'url'>, type: string | undefined, digest: string | undefined][] = [
      [{ body: ping }, 'application/json', digestOf(text)],
      [{ body: text }, 'application/json', digestOf(text)],
      [{ body: bytes }, 'application/json', digestOf(text)],
      [{ body: 'a', headers: { 'Content-Type': 'text/plain' } }, 'text/plain', digestOf('a')],
      [{ method: 'PUT', body: '' }, 'application/json', digestOf('')],
      [{ method: 'delete' }, undefined, undefined],
      [{ method: 'GET' }, undefined, undefined],
    ];
    for (const [request, type, digest] of cases) {
      const headers = await signRequest({ ...request, url: resource }, { signer });
      expect([headers['content-type'], headers['content-digest']]).to.deep.equal([type, digest]);
    }
  });

  it('says what it is told to of time and nonce', async () => {
    const signer = await fakeSigner();
    const given = { signer, created: 7, nonce: 'n' };
    const request = { method: 'GET', url: resource };
    expect((await signRequest(request, given))['signature-input']).to.equal(
      `sig1=("@method" "@target-uri");created=7;expires=67;nonce="n";keyid="${signer.keyId}";tag="mcp-etdi"`,
    );
    const until = await signRequest(request, { ...given, expires: 8 });
    expect(until['signature-input']).to.include(';created=7;expires=8;');
  });

  it('keeps the headers it is given, and covers those that matter', async () => {
    const signer = await fakeSigner();
    const given = { authorization: 'Bearer token', 'x-other': '1' };
    const headers = await signRequest({ method: 'GET', url: resource, headers: given }, { signer });
    expect(headers).to.include(given);
    expect(headers['signature-input']).to.match(/^sig1=\("@method" "@target-uri" "authorization"\);/);
  });
});
