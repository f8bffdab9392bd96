import { ALGORITHMS, type KeyAlgorithm } from '../keys/algorithms.js';
import { integer, listOf, object, oneOf, optional, readOptions, type Check } from '../options.js';
import type { ReplayStore } from '../stores/replay.js';
import { replayStore } from '../stores/storeCheck.js';
import type { NonceOptions } from './nonces.js';

/** Whether tokens may or must be bound to a key by DPoP. */
export type DPoPMode = 'off' | 'accept' | 'require';

/** A signature algorithm of proofs. `EdDSA` is the older name of `Ed25519` (RFC 9864). */
export type ProofAlgorithm = KeyAlgorithm | 'EdDSA';

/** How proofs of possession (RFC 9449) are taken. `authenticate` and `protectedResource` take the same object. */
export interface DPoPOptions {
  /**
   * `accept`: a token that is bound to a key needs a proof, others need none. `require`: every token must be bound.
   * `off`: the scheme is not known here, and bound tokens are denied. Default: `accept`.
   */
  readonly mode?: DPoPMode;
  /** The algorithms that proofs may be signed with. Default: ES256, ES384, ES512, Ed25519, EdDSA, RS256, RS384, RS512. */
  readonly algorithms?: readonly ProofAlgorithm[];
  /** Where used proofs are kept. Default: the memory of this process; several instances need a shared one. */
  readonly replay?: ReplayStore;
  /** How far the `iat` of a proof may be from now, in either direction, in seconds up to 300. Default: 300. */
  readonly window?: number;
  /**
   * Requires a nonce of this server in every proof, so that nobody can make proofs ahead (RFC 9449 section 9). `{}`
   * turns it on, for one instance. Default: no nonces.
   */
  readonly nonces?: NonceOptions;
  /** The path at which requests arrive, where a proxy rewrites that of `resource`. Default: the path of `resource`. */
  readonly path?: string;
}

/** Proof options with their defaults. */
export type ReadDPoPOptions = Required<Pick<DPoPOptions, 'mode' | 'algorithms' | 'window'>> & DPoPOptions;

const DEFAULT_ALGORITHMS: readonly ProofAlgorithm[] = Object.freeze([
  'ES256',
  'ES384',
  'ES512',
  'Ed25519',
  'EdDSA',
  'RS256',
  'RS384',
  'RS512',
]);

const path: Check = (value) =>
  typeof value === 'string' && /^\/[^?#\s]*$/.test(value) ? undefined : `must be a path such as '/mcp'`;

/** @throws {TypeError} for an unknown option, or a value that is not what it must be */
export function readDPoPOptions(factory: string, options: DPoPOptions = {}): ReadDPoPOptions {
  const given = readOptions<DPoPOptions>(`${factory} 'dpop'`, options, {
    mode: optional(oneOf('off', 'accept', 'require')),
    algorithms: optional(listOf(oneOf(...ALGORITHMS, 'EdDSA'), { least: 1 })),
    replay: optional(replayStore),
    window: optional(integer(1, 300)),
    nonces: optional(object),
    path: optional(path),
  });
  return { mode: 'accept', algorithms: DEFAULT_ALGORITHMS, window: 300, ...given };
}
