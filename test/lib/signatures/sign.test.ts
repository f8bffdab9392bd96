import { expect } from 'chai';
import { importSignKey } from '../../../lib/keys/algorithms.js';
import { coverageOf } from '../../../lib/signatures/coverage.js';
import type { Message } from '../../../lib/signatures/message.js';
import { signatureInput, signMessage } from '../../../lib/signatures/sign.js';
import { readMessage } from './httpMessage.js';
import { TEST_KEYS, VECTORS } from './rfc9421.js';
import { rejectionOf, reasonOf } from './thrown.js';

const example = (section: string): Message =>
  readMessage(VECTORS.find((one) => one.section === section)!.message).message;

describe('signMessage', () => {
  it('makes the signature of RFC 9421 appendix B.2.6 (Ed25519)', async () => {
    const message = example('B.2.6');
    const fields = await signMessage(message, {
      label: 'sig-b26',
      coverage: coverageOf(['date', '@method', '@path', '@authority', 'content-type', 'content-length']),
      parameters: { created: 1_618_884_473, keyid: 'test-key-ed25519' },
      key: await importSignKey({ ...TEST_KEYS.ed25519, alg: 'Ed25519' }),
    });
    expect([fields['signature-input']]).to.deep.equal(message.headers['signature-input']?.map((line) => line.trim()));
    expect([fields.signature]).to.deep.equal(message.headers['signature']?.map((line) => line.trim()));
  });

  it('makes the signature of the proxy of RFC 9421 section 4.3 (RSASSA-PKCS1-v1_5 with SHA-256)', async () => {
    const message = example('4.3, as signed by the proxy');
    const covered = ['@method', '@authority', '@path', 'content-digest', 'content-type', 'content-length', 'forwarded'];
    const fields = await signMessage(message, {
      label: 'proxy_sig',
      coverage: coverageOf(covered),
      parameters: { created: 1_618_884_480, keyid: 'test-key-rsa', alg: 'rsa-v1_5-sha256', expires: 1_618_884_540 },
      key: await importSignKey({ ...TEST_KEYS.rsa, alg: 'RS256' }),
    });
    expect(message.headers['signature-input']?.[0]).to.include(`, ${fields['signature-input']}`);
    expect(message.headers['signature']?.[0]).to.include(`, ${fields.signature}`);
  });

  it('names a signature that has no name sig1', async () => {
    const key = { sign: (data: Uint8Array) => Promise.resolve(data.subarray(0, 3)) };
    const message = example('B.2.6');
    const fields = await signMessage(message, { coverage: coverageOf(['date']), parameters: {}, key });
    expect(fields).to.deep.equal({ 'signature-input': 'sig1=("date")', signature: 'sig1=:ImRh:' });
  });

  it('signs nothing that a receiver could not read', async () => {
    const key = { sign: () => Promise.reject(new Error('asked to sign')) };
    const message = example('B.2.6');
    const sign = (names: string[], parameters = {}, label = 'sig1') =>
      rejectionOf(() => signMessage(message, { coverage: coverageOf(names), parameters, key, label }));
    expect(await sign(['x-absent'])).to.equal('component_missing');
    expect(await sign(['@status'])).to.equal('component_missing');
    expect(await sign(['date'], { created: 1.5 })).to.equal('malformed');
    expect(await sign(['date'], { nonce: 'a\nb' })).to.equal('malformed');
    expect(await sign(['date'], { Nonce: 'a' })).to.equal('malformed');
    expect(await sign(['date'], {}, 'Sig')).to.equal('malformed');
    expect(await sign(['date'], {}, 'a=(), b')).to.equal('malformed');
  });
});

describe('signatureInput', () => {
  it('asks for a signature as RFC 9421 section 5.1 does', () => {
    const coverage = coverageOf(['content-digest', '@method', '"@query-param";name="page"']);
    expect(signatureInput('etdi', coverage, { created: true, expires: true, tag: 'mcp-etdi' })).to.equal(
      'etdi=("content-digest" "@method" "@query-param";name="page");created;expires;tag="mcp-etdi"',
    );
    expect(reasonOf(() => signatureInput('', coverage, {}))).to.equal('malformed');
  });
});
