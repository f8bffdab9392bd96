import { expect } from 'chai';
import { createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import {
  ALGORITHMS,
  importSignKey,
  importPooledVerifyKey,
  importVerifyKey,
  registeredName,
} from '../../../lib/keys/algorithms.js';
import type { KeyAlgorithm } from '../../../lib/keys/algorithms.js';
import { thumbprint } from '../../../lib/keys/thumbprint.js';
import { JWS_EXAMPLES } from './jwsExamples.js';

interface Pair {
  readonly publicJwk: JWK;
  readonly privateJwk: JWK;
  readonly privateKey: KeyObject;
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
const HASHES: Readonly<Record<string, string>> = { '256': 'sha256', '384': 'sha384', '512': 'sha512' };
const DATA = Buffer.from('what is signed');

function rsa(modulusLength: number, publicExponent = 65_537) {
  return generateKeyPairSync('rsa', { modulusLength, publicExponent });
}

function keysOf(algorithm: KeyAlgorithm) {
  if (algorithm === 'Ed25519') return generateKeyPairSync('ed25519');
  const namedCurve = CURVES[algorithm];
  return namedCurve === undefined ? rsa(2048) : generateKeyPairSync('ec', { namedCurve });
}

function pairOf(keys: { publicKey: KeyObject; privateKey: KeyObject }, alg: string): Pair {
  return {
    publicJwk: { ...keys.publicKey.export({ format: 'jwk' }), alg },
    privateJwk: { ...keys.privateKey.export({ format: 'jwk' }), alg },
    privateKey: keys.privateKey,
  };
}

/** A signature made without the code under test. */
function signed(algorithm: KeyAlgorithm, key: KeyObject, dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363'): Buffer {
  return sign(HASHES[algorithm.slice(2)], DATA, algorithm.startsWith('ES') ? { key, dsaEncoding } : key);
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('algorithms', () => {
  const pairs = new Map<KeyAlgorithm, Pair>();
  const pair = (algorithm: KeyAlgorithm): Pair => {
    const made = pairs.get(algorithm) ?? pairOf(keysOf(algorithm), algorithm);
    pairs.set(algorithm, made);
    return made;
  };

  it('are seven', () => {
    expect(ALGORITHMS).to.deep.equal(['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'Ed25519']);
  });

  it('have a registered name where RFC 9421 section 6.2.2 has one', () => {
    expect(ALGORITHMS.map(registeredName)).to.deep.equal([
      'rsa-v1_5-sha256',
      undefined,
      undefined,
      'ecdsa-p256-sha256',
      'ecdsa-p384-sha384',
      undefined,
      'ed25519',
    ]);
  });

  for (const { section, alg, jwk, jws } of JWS_EXAMPLES) {
    it(`verifies the example of ${section} (${alg})`, async () => {
      const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...publicJwk } = jwk;
      const key = importVerifyKey({ ...publicJwk, alg });
      const [header = '', payload = '', signature = ''] = jws.split('.');
      const bytes = Buffer.from(signature, 'base64url');
      expect(await key.verify(Buffer.from(`${header}.${payload}`), bytes)).to.equal(true);
      expect(await key.verify(Buffer.from(`${header}.${payload}A`), bytes)).to.equal(false);
    });
  }

  for (const algorithm of ALGORITHMS) {
    describe(algorithm, () => {
      it('verifies what node:crypto signed', async () => {
        const { publicJwk, privateKey } = pair(algorithm);
        const key = importVerifyKey(publicJwk);
        expect(await key.verify(DATA, signed(algorithm, privateKey))).to.equal(true);
        expect(await key.verify(Buffer.from('something else'), signed(algorithm, privateKey))).to.equal(false);
      });

      it('signs what node:crypto verifies', async () => {
        const { publicJwk, privateJwk } = pair(algorithm);
        const signature = await (await importSignKey(privateJwk)).sign(DATA);
        const key = createPublicKey({ key: publicJwk, format: 'jwk' });
        const input = algorithm.startsWith('ES') ? ({ key, dsaEncoding: 'ieee-p1363' } as const) : key;
        expect(verify(HASHES[algorithm.slice(2)], DATA, input, signature)).to.equal(true);
      });

      it('is named by its thumbprint, public and private alike', async () => {
        const { publicJwk, privateJwk } = pair(algorithm);
        const key = importVerifyKey({ ...publicJwk, kid: '../../etc/passwd' });
        expect(key).to.include({ keyId: thumbprint(publicJwk), algorithm });
        expect(await importSignKey(privateJwk)).to.include({ keyId: key.keyId, algorithm });
      });

      it('does not verify a signature of any other length or of extreme values', async () => {
        const { publicJwk, privateKey } = pair(algorithm);
        const key = importVerifyKey(publicJwk);
        const { length } = signed(algorithm, privateKey);
        const bad = [0, 1, length - 1, length + 1, 4096].map((size) => Buffer.alloc(size, 1));
        for (const signature of [...bad, Buffer.alloc(length), Buffer.alloc(length, 0xff)]) {
          expect(await key.verify(DATA, signature)).to.equal(false);
        }
      });

      it('does not verify with the key of any other algorithm', async () => {
        const signature = signed(algorithm, pair(algorithm).privateKey);
        for (const other of ALGORITHMS.filter((name) => name !== algorithm)) {
          expect(await importVerifyKey(pair(other).publicJwk).verify(DATA, signature)).to.equal(false);
        }
      });

      it('is the only algorithm of its key', () => {
        const { publicJwk } = pair(algorithm);
        for (const other of ALGORITHMS.filter((name) => name.slice(0, 2) !== algorithm.slice(0, 2))) {
          expect(() => importVerifyKey({ ...publicJwk, alg: other })).to.throw(TypeError, `for ${other}`);
        }
      });
    });
  }

  it('do not verify a signature under another hash of the same RSA key', async () => {
    const { publicJwk, privateKey } = pair('RS256');
    const signature = signed('RS256', privateKey);
    expect(await importVerifyKey({ ...publicJwk, alg: 'RS384' }).verify(DATA, signature)).to.equal(false);
  });

  it('do not verify an ECDSA signature in DER (pitfall 9)', async () => {
    for (const algorithm of ['ES256', 'ES384', 'ES512'] as const) {
      const { publicJwk, privateKey } = pair(algorithm);
      expect(await importVerifyKey(publicJwk).verify(DATA, signed(algorithm, privateKey, 'der'))).to.equal(false);
    }
  });

  it('verify in the thread pool what would hold up the process, and at once what would not', () => {
    for (const algorithm of ALGORITHMS) {
      const { publicJwk, privateKey } = pair(algorithm);
      const verdict = importVerifyKey(publicJwk).verify(DATA, signed(algorithm, privateKey));
      expect(verdict instanceof Promise, algorithm).to.equal(algorithm === 'ES384' || algorithm === 'ES512');
    }
  });

  it('verify all in the thread pool where that is asked for', async () => {
    for (const algorithm of ALGORITHMS) {
      const { publicJwk, privateKey } = pair(algorithm);
      const verify = (data: Uint8Array): unknown =>
        importPooledVerifyKey(publicJwk).verify(data, signed(algorithm, privateKey));
      expect(verify(DATA), algorithm).to.be.a('promise');
      expect(await verify(DATA), algorithm).to.equal(true);
      expect(await verify(Buffer.from('other')), algorithm).to.equal(false);
    }
  });

  it('take EdDSA for Ed25519 when the curve says so', async () => {
    const { publicJwk, privateJwk, privateKey } = pair('Ed25519');
    const key = importVerifyKey({ ...publicJwk, alg: 'EdDSA' });
    expect(key.algorithm).to.equal('Ed25519');
    expect(await key.verify(DATA, signed('Ed25519', privateKey))).to.equal(true);
    expect((await importSignKey({ ...privateJwk, alg: 'EdDSA' })).algorithm).to.equal('Ed25519');
    const ed448 = generateKeyPairSync('ed448').publicKey.export({ format: 'jwk' });
    expect(() => importVerifyKey({ ...ed448, alg: 'EdDSA' })).to.throw(TypeError, "'crv' 'Ed25519'");
  });

  it('need an alg that is known (pitfall 8)', () => {
    const { alg: _alg, ...without } = pair('ES256').publicJwk;
    for (const alg of [undefined, '', 'none', 'HS256', 'PS256', 'es256', 'ES256K', 'toString', ['ES256']]) {
      expect(() => importVerifyKey({ ...without, alg } as JWK)).to.throw(TypeError, "'alg'");
    }
    expect(() => importVerifyKey(without)).to.throw(TypeError, "'alg'");
  });

  it('deny symmetric keys, whatever they say they are', () => {
    const k = Buffer.alloc(32, 1).toString('base64url');
    for (const alg of ['HS256', 'RS256', 'ES256', 'Ed25519']) {
      expect(() => importVerifyKey({ kty: 'oct', k, alg })).to.throw(TypeError, /'alg'|'kty'/);
    }
    expect(() => importVerifyKey({ ...pair('RS256').publicJwk, k })).to.throw(TypeError, "private member 'k'");
  });

  it('deny a public key with a private member (pitfall 7)', () => {
    for (const algorithm of ALGORITHMS) {
      expect(() => importVerifyKey(pair(algorithm).privateJwk)).to.throw(TypeError, "private member 'd'");
    }
    for (const member of ['p', 'q', 'dp', 'dq', 'qi', 'oth']) {
      const jwk = { ...pair('RS256').publicJwk, [member]: 'AQAB' };
      expect(() => importVerifyKey(jwk)).to.throw(TypeError, `private member '${member}'`);
    }
  });

  it('deny RSA keys that are weak or slow (pitfall 10)', () => {
    for (const bits of [1024, 2040]) {
      expect(() => importVerifyKey(pairOf(rsa(bits), 'RS256').publicJwk)).to.throw(TypeError, '2048 to 8192 bits');
    }
    const n = Buffer.alloc(8200 / 8, 0xff).toString('base64url');
    expect(() => importVerifyKey({ kty: 'RSA', n, e: 'AQAB', alg: 'RS256' })).to.throw(TypeError, '2048 to 8192 bits');
    // 3, 65535, 65538 and 2^32 + 1.
    for (const e of ['Aw', '__8', 'AQAC', 'AQAAAAE']) {
      expect(() => importVerifyKey({ ...pair('RS256').publicJwk, e })).to.throw(TypeError, 'exponent');
    }
    expect(importVerifyKey({ ...pair('RS256').publicJwk, e: 'AQAB' }).algorithm).to.equal('RS256');
  });

  it('deny Ed25519 keys under which anyone can sign', () => {
    const orders = [
      '0000000000000000000000000000000000000000000000000000000000000000',
      '0100000000000000000000000000000000000000000000000000000000000000',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    ];
    // Since release 24 Node verifies nothing under them itself.
    const verifies = Number.parseInt(process.versions.node, 10) < 24;
    // R is the neutral point and s is zero: nobody signed this.
    const forged = Buffer.concat([Buffer.of(1), Buffer.alloc(63)]);
    for (const hex of orders) {
      for (const signBit of [0, 0x80]) {
        const point = Buffer.from(hex, 'hex');
        point.writeUInt8(point.readUInt8(31) | signBit, 31);
        const jwk: JWK = { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url'), alg: 'Ed25519' };
        const key = createPublicKey({ key: jwk, format: 'jwk' });
        const messages = Array.from({ length: 256 }, (_, index) => Buffer.of(index));
        expect(messages.some((message) => verify(null, message, key, forged))).to.equal(verifies);
        expect(() => importVerifyKey(jwk)).to.throw(TypeError, 'small order');
      }
    }
  });

  it('deny a second spelling of a key, which would have a second thumbprint', () => {
    const { publicJwk: ec } = pair('ES256');
    const { publicJwk: okp } = pair('Ed25519');
    const { publicJwk: long } = pair('RS256');
    const padded = (value = ''): string =>
      Buffer.concat([Buffer.of(0), Buffer.from(value, 'base64url')]).toString('base64url');
    const standard = Buffer.from(long.n ?? '', 'base64url').toString('base64');
    for (const jwk of [
      { ...ec, x: padded(ec.x) },
      { ...ec, y: padded(ec.y) },
      { ...ec, x: `${ec.x ?? ''}=` },
      { ...ec, x: `${ec.x ?? ''} ` },
      { ...okp, x: `${okp.x ?? ''}=` },
      { ...okp, x: `${okp.x?.slice(0, -1) ?? ''}${okp.x?.endsWith('B') === true ? 'A' : 'B'}` },
      { ...long, n: padded(long.n) },
      { ...long, e: padded(long.e) },
      { ...long, n: standard },
    ]) {
      expect(() => importVerifyKey(jwk)).to.throw(TypeError, /canonical|not a key/);
    }
  });

  it('deny points that are not on the curve, and members that are missing or of another type', () => {
    const { publicJwk } = pair('ES256');
    const { y: _y, ...half } = publicJwk;
    for (const jwk of [
      { ...publicJwk, y: publicJwk.x },
      half,
      { ...publicJwk, x: 1 },
      { ...publicJwk, x: '' },
      { ...pair('Ed25519').publicJwk, x: 'AAAA' },
      { ...pair('RS256').publicJwk, n: '' },
    ]) {
      expect(() => importVerifyKey(jwk as JWK)).to.throw(TypeError, /a JWK|an RSA key/);
    }
  });

  it('deny a key that was made for something else', async () => {
    const { publicJwk, privateJwk } = pair('ES256');
    for (const jwk of [
      { use: 'enc' },
      { use: '' },
      { key_ops: [] },
      { key_ops: ['sign'] },
      { key_ops: ['verify', 'deriveKey'] },
      { key_ops: 'verify' },
      { use: 'enc', key_ops: ['verify'] },
    ]) {
      expect(() => importVerifyKey({ ...publicJwk, ...jwk } as JWK)).to.throw(TypeError, /'use'|'key_ops'/);
    }
    for (const jwk of [{ use: 'enc' }, { key_ops: ['verify'] }, { key_ops: ['sign', 'unwrapKey'] }]) {
      expect(await rejection(importSignKey({ ...privateJwk, ...jwk }))).to.be.instanceOf(TypeError);
    }
    expect(importVerifyKey({ ...publicJwk, use: 'sig', key_ops: ['verify'] }).algorithm).to.equal('ES256');
    expect((await importSignKey({ ...privateJwk, use: 'sig', key_ops: ['sign', 'verify'] })).algorithm).to.equal(
      'ES256',
    );
  });

  it('need a private key to sign, and both its halves of one pair', async () => {
    for (const algorithm of ALGORITHMS) {
      const { publicJwk, privateJwk } = pair(algorithm);
      const stranger = pairOf(keysOf(algorithm), algorithm).publicJwk;
      expect(await rejection(importSignKey(publicJwk)), algorithm).to.match(/'d'/);
      expect(await rejection(importSignKey({ ...privateJwk, ...stranger })), algorithm).to.match(/TypeError: .*pair/);
      expect(await rejection(importSignKey({ ...privateJwk, d: '' })), algorithm).to.be.instanceOf(TypeError);
    }
    expect(await rejection(importSignKey({ ...pair('RS256').privateJwk, oth: [] }))).to.match(/'oth'/);
    expect(await rejection(importSignKey(pairOf(rsa(1024), 'RS256').privateJwk))).to.match(/2048/);
  });

  it('say nothing of a key in an error', async () => {
    const { privateJwk } = pair('ES256');
    const error = await rejection(importSignKey({ ...privateJwk, x: privateJwk.y ?? '' }));
    const { stack, cause } = error as Error;
    expect(`${stack ?? ''}${String(cause)}`).not.to.include(privateJwk.d ?? '?');
  });
});
