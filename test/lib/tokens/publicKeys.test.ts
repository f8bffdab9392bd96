import { expect } from 'chai';
import type { Algorithm } from '../../../lib/tokens/algorithms.js';
import { DEFAULT_ALGORITHMS } from '../../../lib/tokens/algorithms.js';
import { MAX_KEYS, readKeySet, readStaticKeySet } from '../../../lib/tokens/publicKeys.js';
import { forger } from './forge.js';

const ec = forger('ES256').jwk;
const ec384 = forger('ES384').jwk;
const ed = forger('Ed25519').jwk;
const rsa = forger('RS256').jwk;
const rules = { algorithms: DEFAULT_ALGORITHMS };

function found(
  keys: readonly unknown[],
  algorithm: string,
  kid?: string,
  algorithms: readonly Algorithm[] = DEFAULT_ALGORITHMS,
): boolean {
  return readKeySet({ keys }, { algorithms }).find(algorithm, kid) !== undefined;
}

describe('lib/tokens/publicKeys', () => {
  it('finds a key by its id and algorithm', () => {
    expect(found([rsa, { ...ec, kid: 'k2' }], 'ES256', 'k2')).to.equal(true);
    expect(found([rsa, { ...ec, kid: 'k2' }], 'ES256', 'k1')).to.equal(false);
    expect(found([rsa], 'RS256', 'K1')).to.equal(false);
  });

  it('compares ids as strings, however they look', () => {
    const ids = [
      '../../etc/passwd',
      "' OR 1=1 --",
      '__proto__',
      'constructor',
      'toString',
      '',
      'k1\u0000',
      'https://evil.example/jwks',
    ];
    for (const kid of ids) {
      expect(found([ec], 'ES256', kid), kid).to.equal(false);
      expect(found([{ ...ec, kid }], 'ES256', kid), kid).to.equal(true);
    }
  });

  it('without an id finds a key only when there is one choice', () => {
    expect(found([ec, rsa], 'ES256')).to.equal(true);
    expect(found([ec, { ...forger('ES256').jwk, kid: 'k2' }], 'ES256')).to.equal(false);
    expect(found([], 'ES256')).to.equal(false);
  });

  it('uses no key where two claim one id', () => {
    expect(found([ec, forger('ES256').jwk], 'ES256', 'k1')).to.equal(false);
    expect(found([ec, rsa], 'ES256', 'k1')).to.equal(true);
  });

  it('uses a key with its own algorithm alone', () => {
    expect(found([{ ...rsa, alg: 'PS256' }], 'RS256', 'k1')).to.equal(false);
    expect(found([{ ...rsa, alg: 'PS256' }], 'PS256', 'k1')).to.equal(true);
    for (const alg of ['ES256', 'HS256', 'none', 'rs256', 'RSA-OAEP', '', 7, null, ['RS256'], 'RS512']) {
      expect(found([{ ...rsa, alg }], 'RS256', 'k1'), String(alg)).to.equal(false);
    }
  });

  it('gives a key without an algorithm the one that fits its type', () => {
    const bare = (jwk: object): object => ({ ...jwk, alg: undefined });
    expect(found([bare(rsa)], 'RS256', 'k1')).to.equal(true);
    expect(found([bare(rsa)], 'PS256', 'k1')).to.equal(false);
    expect(found([bare(rsa)], 'PS256', 'k1', ['PS256', 'RS256'])).to.equal(true);
    expect(found([bare(rsa)], 'RS256', 'k1', ['PS256', 'RS256'])).to.equal(false);
    expect(found([bare(ec)], 'ES256', 'k1')).to.equal(true);
    expect(found([bare(ed)], 'Ed25519', 'k1')).to.equal(true);
    expect(found([bare(ec384)], 'ES256', 'k1')).to.equal(false);
  });

  it('takes EdDSA and Ed25519 for one algorithm (RFC 9864)', () => {
    for (const alg of ['EdDSA', 'Ed25519', undefined]) {
      for (const used of ['EdDSA', 'Ed25519']) expect(found([{ ...ed, alg }], used, 'k1')).to.equal(true);
    }
    expect(found([{ ...ed, crv: 'Ed448' }], 'EdDSA', 'k1')).to.equal(false);
  });

  it('uses no key of a curve or algorithm that is not allowed', () => {
    expect(found([ec384], 'ES384', 'k1')).to.equal(false);
    expect(found([ec384], 'ES384', 'k1', ['ES384'])).to.equal(true);
    expect(found([{ ...ec, crv: 'P-384', alg: 'ES384' }], 'ES384', 'k1', ['ES384'])).to.equal(false);
    expect(found([{ ...ec, crv: 'secp256k1' }], 'ES256', 'k1')).to.equal(false);
  });

  it('uses no symmetric key', () => {
    const secret = { kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ', kid: 'k1' };
    for (const alg of ['HS256', undefined, 'RS256']) {
      for (const used of ['HS256', 'RS256']) expect(found([{ ...secret, alg }], used, 'k1')).to.equal(false);
    }
  });

  it('uses no key that leaked its private half', () => {
    for (const algorithm of ['ES256', 'RS256', 'Ed25519'] as const) {
      const { privateJwk } = forger(algorithm);
      expect(found([privateJwk], algorithm, 'k1')).to.equal(false);
    }
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) {
      expect(found([{ ...rsa, [name]: 'AQAB' }], 'RS256', 'k1'), name).to.equal(false);
    }
  });

  it('uses no key that is for something else', () => {
    for (const other of [
      { use: 'enc' },
      { use: '' },
      { use: null },
      { key_ops: ['sign'] },
      { key_ops: [] },
      { key_ops: 'verify' },
    ]) {
      expect(found([{ ...ec, ...other }], 'ES256', 'k1'), JSON.stringify(other)).to.equal(false);
    }
    expect(found([{ ...ec, use: undefined, key_ops: ['verify'] }], 'ES256', 'k1')).to.equal(true);
  });

  it('uses no RSA key below 2048 bits', () => {
    expect(found([forger('RS256', 1024).jwk], 'RS256', 'k1')).to.equal(false);
    expect(found([forger('RS256', 2040).jwk], 'RS256', 'k1')).to.equal(false);
    expect(found([forger('RS256', 2048).jwk], 'RS256', 'k1')).to.equal(true);
  });

  it('leaves malformed keys alone and uses the others', () => {
    const junk = [
      null,
      7,
      'key',
      [],
      {},
      { kty: 'RSA' },
      { ...rsa, kid: 'k2', n: '!' },
      { ...ec, kid: 'k2', x: 'AA' },
      { ...ec, kid: 7 },
    ];
    const keys = readKeySet({ keys: [...junk, { ...ec, kid: 'good' }] }, rules);
    expect(keys.find('ES256', 'good')).not.to.equal(undefined);
    for (const algorithm of ['ES256', 'RS256']) expect(keys.find(algorithm, 'k2')).to.equal(undefined);
  });

  it('imports a key once', () => {
    const keys = readKeySet({ keys: [ec] }, rules);
    expect(keys.find('ES256', 'k1')).to.equal(keys.find('ES256', 'k1'));
  });

  it('denies what is no key set, or one above 100 keys', () => {
    for (const document of [null, [], 'keys', {}, { keys: {} }, { keys: 'x' }, { jwks: [] }]) {
      expect(() => readKeySet(document, rules)).to.throw(TypeError, 'not a JSON Web Key Set');
    }
    const many = Array.from({ length: MAX_KEYS }, (_, index) => ({ ...ec, kid: `k${index}` }));
    expect(readKeySet({ keys: many }, rules).find('ES256', 'k99')).not.to.equal(undefined);
    expect(() => readKeySet({ keys: [...many, ec] }, rules)).to.throw(TypeError, 'more than 100');
  });

  it('tells a developer which written key cannot be used, and why', () => {
    const cases: readonly (readonly [readonly unknown[], RegExp])[] = [
      [[], /has no keys/],
      [[ec, forger('ES256').privateJwk], /keys\[1\] has the private member 'd'/],
      [[{ kty: 'oct', k: 'AA' }], /keys\[0\] has the private member 'k'/],
      [[{ ...ec, use: 'enc' }], /'use' must be 'sig'/],
      [[ec384], /not for an allowed algorithm/],
      [[{ ...ec, x: ec['y'] }], /not a valid public key/],
      [[forger('RS256', 1024).jwk], /2048 bits/],
      [[{ ...ec, kid: 1 }], /'kid'/],
      [[null], /not a JSON Web Key/],
    ];
    for (const [keys, problem] of cases) expect(() => readStaticKeySet({ keys }, rules)).to.throw(TypeError, problem);
    expect(readStaticKeySet({ keys: [ec, rsa] }, rules).find('RS256', 'k1')).not.to.equal(undefined);
  });
});
