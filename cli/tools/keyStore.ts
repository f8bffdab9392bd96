import type { JSONWebKeySet } from 'jose';
import type { AuditTrail } from '../../lib/audit/trail.js';
import type { KeyPurpose } from '../../lib/keys/keyRecord.js';
import type { Signer } from '../../lib/keys/signer.js';
import type { Io } from '../command.js';
import { SECRET_VARIABLE } from '../secret.js';
import { withStore, type StoreValues } from '../store.js';

export const KEYS = { directory: { type: 'string' }, 'secret-file': { type: 'string' } } as const;

export const KEYS_HELP: string = `  --directory <path>    the directory of the key store (required)
  --secret-file <path>  the file with its secret; default: the variable ${SECRET_VARIABLE}
`;

export interface Keys {
  readonly signer: Signer;
  /** Every public key of that purpose whose signatures still count. */
  readonly jwks: JSONWebKeySet;
  /** Where what is done is recorded, if anywhere. */
  readonly trail: AuditTrail | undefined;
}

/**
 * Lends the keys of one purpose to some work, and closes their store whatever happens.
 * @throws {Error} where there is no key
 */
export function withKeys<Result>(
  purpose: KeyPurpose,
  values: StoreValues,
  io: Io,
  work: (keys: Keys) => Promise<Result>,
): Promise<Result> {
  return withStore(values, io, { purposes: [purpose] }, async (store, trail) => {
    // A key that signs no more has signed what is still valid. One that was revoked has not.
    const jwks = await store.export({ purpose, states: ['pending', 'active', 'retiring', 'retired'] });
    // One that was made here, nobody who verifies would know.
    if (jwks.keys.length === 0) throw noKey(purpose, values.directory);
    return work({ signer: store.signer(purpose), jwks, trail });
  });
}

function noKey(purpose: KeyPurpose, directory = ''): Error {
  const making = `mcp-etdi keys generate --directory ${directory} --purpose ${purpose}`;
  return new Error(`the key store has no key for '${purpose}'; make one with: ${making}`);
}
