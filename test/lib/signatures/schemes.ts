import { constants, createHmac, createPublicKey, verify } from 'node:crypto';
import { importVerifyKey, type VerifyKey } from '../../../lib/keys/algorithms.js';
import { TEST_KEYS, type Scheme } from './rfc9421.js';

function publicOf<Members extends object>({
  ...members
}: Members): Omit<Members, 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi'> {
  for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi']) Reflect.deleteProperty(members, name);
  return members;
}

const pss = createPublicKey({ key: TEST_KEYS.rsaPss, format: 'jwk' });
const secret = Buffer.from(TEST_KEYS.secret, 'base64');

/** A key of a kind that is not supported, made by hand: the engine asks a key nothing but whether it signed. */
function foreign(verifies: (data: Uint8Array, signature: Uint8Array) => boolean): VerifyKey {
  const verifyBytes: VerifyKey['verify'] = (data, signature) => verifies(Buffer.from(data as Uint8Array), signature);
  return { keyId: 'foreign', algorithm: 'RS512', verify: verifyBytes };
}

/** The key that made the examples of each scheme. RSA-PSS and HMAC are for the vectors only. */
export const SCHEME_KEYS: Readonly<Record<Scheme, VerifyKey>> = {
  'rsa-v1_5-sha256': importVerifyKey({ ...publicOf(TEST_KEYS.rsa), alg: 'RS256' }),
  'ecdsa-p256-sha256': importVerifyKey({ ...publicOf(TEST_KEYS.p256), alg: 'ES256' }),
  ed25519: importVerifyKey({ ...publicOf(TEST_KEYS.ed25519), alg: 'Ed25519' }),
  'rsa-pss-sha512': foreign((data, signature) =>
    verify('sha512', data, { key: pss, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }, signature),
  ),
  'hmac-sha256': foreign((data, signature) => createHmac('sha256', secret).update(data).digest().equals(signature)),
};
