import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { isDenial, Unavailable } from '../../../lib/denial.js';
import type { AnyMiddleware } from '../../../lib/middleware.js';
import { fakeContext } from '../../../lib/testing.js';

/** A key pair that signs whatever a test writes, well formed or not. */
export interface Forger {
  readonly jwk: Readonly<Record<string, unknown>>;
  readonly privateJwk: Readonly<Record<string, unknown>>;
  /** The compact form of two texts. Objects are written as JSON; `signature` replaces the right one. */
  readonly token: (header: unknown, claims: unknown, signature?: Buffer) => string;
  readonly sign: (input: string) => Buffer;
}

export function forger(algorithm: 'ES256' | 'ES384' | 'RS256' | 'Ed25519', bits = 2048): Forger {
  const { publicKey, privateKey } = pair(algorithm, bits);
  const signBytes = (input: string): Buffer => {
    const bytes = Buffer.from(input);
    if (algorithm === 'RS256') return sign('sha256', bytes, privateKey);
    if (algorithm === 'Ed25519') return sign(null, bytes, privateKey);
    const hash = algorithm === 'ES256' ? 'sha256' : 'sha384';
    return sign(hash, bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  };
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: algorithm, use: 'sig' },
    privateJwk: { ...privateKey.export({ format: 'jwk' }), kid: 'k1', alg: algorithm, use: 'sig' },
    sign: signBytes,
    token: (header, claims, signature) => {
      const input = `${encode(header)}.${encode(claims)}`;
      return `${input}.${(signature ?? signBytes(input)).toString('base64url')}`;
    },
  };
}

function pair(algorithm: string, bits: number): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === 'RS256') return generateKeyPairSync('rsa', { modulusLength: bits });
  if (algorithm === 'Ed25519') return generateKeyPairSync('ed25519');
  return generateKeyPairSync('ec', { namedCurve: algorithm === 'ES256' ? 'P-256' : 'P-384' });
}

export function encode(part: unknown): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}

/** What a middleware says to a request: `allowed`, or the code of its denial with the recorded reason. */
export async function verdict(
  middleware: AnyMiddleware,
  authorization: string | readonly string[] | undefined,
): Promise<string> {
  try {
    const headers = authorization === undefined ? {} : { authorization };
    await middleware.run(fakeContext({ headers }) as never);
    return 'allowed';
  } catch (error) {
    if (error instanceof Unavailable) return error.code;
    if (!isDenial(error)) throw error;
    const { reason, claim } = (error.detail ?? {}) as { reason?: string; claim?: string };
    return [error.code, reason, claim].filter((part) => part !== undefined).join(' ');
  }
}

/** A clock that moves when told to. */
export function fakeClock(start = '2026-06-01T12:00:00Z'): { now: () => Date; pass: (seconds: number) => void } {
  let time = Date.parse(start);
  return {
    now: () => new Date(time),
    pass: (seconds) => {
      time += seconds * 1000;
    },
  };
}
