import { expect } from 'chai';
import fc from 'fast-check';
import { generateKeyPairSync } from 'node:crypto';
import { ALGORITHMS, importSignKey, importVerifyKey, registeredName } from '../../../lib/keys/algorithms.js';
import type { KeyAlgorithm, SignKey, VerifyKey } from '../../../lib/keys/algorithms.js';
import { coverageOf, type Coverage } from '../../../lib/signatures/coverage.js';
import { originOf, targetOf, type RequestMessage } from '../../../lib/signatures/message.js';
import { findSignatures, readSignature } from '../../../lib/signatures/received.js';
import { signMessage, type SignatureParameters } from '../../../lib/signatures/sign.js';
import { verifyMessage } from '../../../lib/signatures/verify.js';
import { rejectionOf } from './thrown.js';

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

interface Keys {
  readonly signer: SignKey;
  readonly verifier: VerifyKey;
}

async function keysFor(alg: KeyAlgorithm): Promise<Keys> {
  const namedCurve = CURVES[alg];
  const pair =
    alg === 'Ed25519'
      ? generateKeyPairSync('ed25519')
      : namedCurve === undefined
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve });
  return {
    signer: await importSignKey({ ...pair.privateKey.export({ format: 'jwk' }), alg }),
    verifier: importVerifyKey({ ...pair.publicKey.export({ format: 'jwk' }), alg }),
  };
}

const FIELDS = ['content-type', 'authorization', 'mcp-name'] as const;
const coverage = (): Coverage => coverageOf(['@method', '@target-uri', ...FIELDS]);

const request = (over: Partial<RequestMessage> = {}): RequestMessage => ({
  method: 'POST',
  target: targetOf(originOf('https://mcp.example.com'), '/mcp?tenant=a'),
  headers: { 'content-type': ['application/json'], authorization: ['Bearer token'], 'mcp-name': ['read'] },
  ...over,
});

async function signed(message: RequestMessage, { signer }: Keys, parameters: SignatureParameters = { created: 1 }) {
  const fields = await signMessage(message, { coverage: coverage(), parameters, key: signer });
  const headers = { ...message.headers, 'signature-input': [fields['signature-input']], signature: [fields.signature] };
  return { ...message, headers };
}

const check = (message: RequestMessage, key: VerifyKey) =>
  rejectionOf(async () => verifyMessage(message, readSignature(findSignatures(message.headers)[0]!), key));

describe('verifyMessage', () => {
  for (const algorithm of ALGORITHMS) {
    describe(algorithm, () => {
      let keys: Keys;
      before(async () => {
        keys = await keysFor(algorithm);
      });

      it('proves what was signed, and nothing else', async () => {
        const message = await signed(request(), keys);
        expect(await check(message, keys.verifier)).to.equal(undefined);
        expect(await check({ ...message, method: 'PUT' }, keys.verifier)).to.equal('signature_mismatch');
        expect(await check(message, (await keysFor(algorithm)).verifier)).to.equal('signature_mismatch');
      });

      it('takes the alg parameter only where it is the registered name of the algorithm of the key', async () => {
        const names = ['rsa-v1_5-sha256', 'ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'ed25519'];
        for (const alg of [...names, 'rsa-pss-sha512', 'hmac-sha256', algorithm, 'none', '']) {
          const message = await signed(request(), keys, { alg });
          const expected = alg === registeredName(algorithm) ? undefined : 'algorithm_mismatch';
          expect(await check(message, keys.verifier), alg).to.equal(expected);
        }
      });
    });
  }

  describe('with a message that somebody changed', () => {
    let keys: Keys;
    let message: Awaited<ReturnType<typeof signed>>;
    beforeEach(async () => {
      keys = await keysFor('Ed25519');
      message = await signed(request(), keys, { created: 1_700_000_000, nonce: 'n', keyid: keys.verifier.keyId });
    });

    it('denies a component that is gone', async () => {
      const { authorization: _gone, ...headers }: Record<string, string[]> = message.headers;
      expect(await check({ ...message, headers }, keys.verifier)).to.equal('component_missing');
    });

    it('denies a second line of a covered field (pitfall 1)', async () => {
      const headers = { ...message.headers, authorization: ['Bearer token', 'Bearer other'] };
      expect(await check({ ...message, headers }, keys.verifier)).to.equal('signature_mismatch');
    });

    it('denies reordered parameters (pitfall 15)', async () => {
      const [input = ''] = message.headers['signature-input'];
      const [list = '', created = '', nonce = '', keyid = ''] = input.split(';');
      const headers = { ...message.headers, 'signature-input': [[list, nonce, created, keyid].join(';')] };
      expect(await check({ ...message, headers }, keys.verifier)).to.equal('signature_mismatch');
    });

    it('allows another label (pitfall 16) and another spelling of the same input', async () => {
      const [input = ''] = message.headers['signature-input'];
      const [signature = ''] = message.headers.signature;
      const relabelled = {
        'signature-input': [input.replace('sig1=(', 'proxied=(  ').replace(/;/g, ';  ').replace('" "', '"   "')],
        signature: [signature.replace('sig1=', 'proxied=')],
      };
      expect(await check({ ...message, headers: { ...message.headers, ...relabelled } }, keys.verifier)).to.equal(
        undefined,
      );
    });

    it('is not misled by a signature that somebody added (pitfall 17)', async () => {
      const attacker = await keysFor('Ed25519');
      const forged = await signMessage(request({ method: 'DELETE' }), {
        coverage: coverage(),
        parameters: { keyid: keys.verifier.keyId },
        key: attacker.signer,
        label: 'forged',
      });
      const headers = {
        ...message.headers,
        'signature-input': [forged['signature-input'], ...message.headers['signature-input']],
        signature: [...message.headers.signature, forged.signature],
      };
      const [first, second] = findSignatures(headers).map(readSignature);
      const verdict = (signature: typeof first) =>
        rejectionOf(async () => verifyMessage({ ...message, headers }, signature!, keys.verifier));
      expect(await verdict(first)).to.equal('signature_mismatch');
      expect(await verdict(second)).to.equal(undefined);
    });

    it('denies every change of a covered byte', async () => {
      const place = fc.constantFrom('method', 'target', 'signature-input', ...FIELDS);
      const anyChange = fc.tuple(place, fc.nat(), fc.integer({ min: 0x21, max: 0x7e }));
      await fc.assert(
        fc.asyncProperty(anyChange, async ([where, position, code]) => {
          const change = (text: string): string => {
            const at = position % text.length;
            const character = String.fromCharCode(code === text.charCodeAt(at) ? 0x21 + ((code - 0x20) % 0x5e) : code);
            return text.slice(0, at) + character + text.slice(at + 1);
          };
          const { method, target, headers } = message;
          const lines: Record<string, string[]> = { ...headers };
          if (where in headers) {
            const [line = ''] = lines[where] ?? [];
            const from = where === 'signature-input' ? 'sig1='.length : 0;
            lines[where] = [line.slice(0, from) + change(line.slice(from))];
          }
          const changed = {
            method: where === 'method' ? change(method) : method,
            target: where === 'target' ? { ...target, uri: change(target.uri) } : target,
            headers: lines,
          };
          expect(await check(changed, keys.verifier)).to.be.a('string');
        }),
        { numRuns: 600 },
      );
    });

    it('denies every other signature', async () => {
      const [signature = ''] = message.headers.signature;
      const bytes = Buffer.from(signature.slice('sig1=:'.length, -1), 'base64');
      await fc.assert(
        fc.asyncProperty(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
          const other = Buffer.from(bytes);
          other.writeUInt8(other.readUInt8(at) ^ flip, at);
          const headers = { ...message.headers, signature: [`sig1=:${other.toString('base64')}:`] };
          expect(await check({ ...message, headers }, keys.verifier)).to.equal('signature_mismatch');
        }),
        { numRuns: 300 },
      );
    });
  });

  it('passes on that a key could not tell', async () => {
    const keys = await keysFor('Ed25519');
    const message = await signed(request(), keys);
    const outage = new Error('no entropy');
    const broken: VerifyKey = { ...keys.verifier, verify: () => Promise.reject(outage) };
    const found = readSignature(findSignatures(message.headers)[0]!);
    const error: unknown = await verifyMessage(message, found, broken).catch((thrown: unknown) => thrown);
    expect(error).to.equal(outage);
  });
});
