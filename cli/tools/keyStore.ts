import type { JSONWebKeySet } from 'jose';
import type { KeyPurpose } from '../../lib/keys/keyRecord.js';
import { openKeyStore } from '../../lib/keys/keyStore.js';
import type { Signer } from '../../lib/keys/signer.js';
import { UsageError, type Io } from '../command.js';
import { readSecret, SECRET_VARIABLE } from '../secret.js';

export const KEYS = { directory: { type: 'string' }, 'secret-file': { type: 'string' } } as const;

export const KEYS_HELP: string = `  --directory <path>    the directory of the key store (required)
  --secret-file <path>  the file with its secret; default: the variable ${SECRET_VARIABLE}
`;

export interface Keys {
  readonly signer: Signer;
  /** Every public key of that purpose whose signatures still count. */
  readonly jwks: JSONWebKeySet;
}

/** Lends the keys of one purpose to some work, and closes their store whatever happens. */
export async function withKeys<Result>(
  purpose: KeyPurpose,
  options: { readonly directory?: string | undefined; readonly 'secret-file'?: string | undefined },
  io: Io,
  work: (keys: Keys) => Promise<Result>,
): Promise<Result> {
  const { directory = '' } = options;
  if (directory === '') throw new UsageError('name the directory of the key store with --directory');
  const secret = await readSecret(options['secret-file'], io);
  const store = await openKeyStore({ create: false, purposes: [purpose], directory, secret });
  try {
    // A key that signs no more has signed what is still valid. One that was revoked has not.
    const jwks = await store.export({ states: ['pending', 'active', 'retiring', 'retired'] });
    return await work({ signer: store.signer(purpose), jwks });
  } finally {
    await store.close();
  }
}
