import type { AuditTrail } from '../lib/audit/trail.js';
import { ALGORITHMS, type KeyAlgorithm } from '../lib/keys/algorithms.js';
import type { KeyPurpose } from '../lib/keys/keyRecord.js';
import { openKeyStore, type KeyStore } from '../lib/keys/keyStore.js';
import type { OpenKeyStoreOptions } from '../lib/keys/keyStoreOptions.js';
import type { Signer } from '../lib/keys/signer.js';
import { UsageError, type Io } from './command.js';
import { withTrail } from './recording.js';
import { readSecret } from './secret.js';

/** What the command line says about a key store. */
export interface StoreValues {
  readonly directory?: string | undefined;
  readonly 'secret-file'?: string | undefined;
  readonly audit?: string | undefined;
}

export interface StoreOptions extends Partial<Omit<OpenKeyStoreOptions, 'algorithms' | 'rotateEvery' | 'onEvent'>> {
  readonly algorithms?: Readonly<Partial<Record<KeyPurpose, KeyAlgorithm>>>;
}

/** What is done with an open store; what it changes elsewhere is reported to the trail, if there is one. */
export type StoreWork<Result> = (store: KeyStore, trail?: AuditTrail) => Promise<Result>;

/** Opens the store, lets `work` use it, and closes it whatever happens. With `audit` that is recorded. */
export async function withStore<Result>(
  values: StoreValues,
  io: Io,
  options: StoreOptions,
  work: StoreWork<Result>,
): Promise<Result> {
  const { directory = '', audit } = values;
  if (directory === '') throw new UsageError('name the directory of the key store with --directory');
  const secret = await readSecret(values['secret-file'], io);
  const settings = { create: false, ...options, directory, secret };
  if (audit === undefined) return lend(settings, work);
  return withTrail(audit, (trail, signWith) =>
    lend({ ...settings, ...withAuditKey(options), onEvent: trail.onKeyEvent }, async (store) => {
      const signer = await checkpointSigner(store, options);
      await signWith(signer);
      // What cannot be written or signed must not be done.
      await trail.checkpoint();
      try {
        return await work(store, trail);
      } finally {
        // The work may have revoked the key. Where there is none now, closing the trail fails.
        await signWith(signer).catch(() => undefined);
      }
    }),
  );
}

async function lend<Result>(options: OpenKeyStoreOptions, work: StoreWork<Result>): Promise<Result> {
  const store = await openKeyStore(options);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const CENTURY = 3_155_760_000;

/** Recording must not rotate the audit key, nor replace it by one of another algorithm: that is for the server to do. */
function withAuditKey(options: StoreOptions): Partial<OpenKeyStoreOptions> {
  const { purposes, algorithms } = options;
  const first = auditAlgorithm(options);
  return {
    ...(purposes === undefined || purposes.includes('audit') ? {} : { purposes: [...purposes, 'audit'] }),
    algorithms: { ...algorithms, audit: [first, ...ALGORITHMS.filter((one) => one !== first)] },
    rotateEvery: { audit: CENTURY },
  };
}

/** Signs with the audit key that there is. Makes one where there is none. */
async function checkpointSigner(store: KeyStore, options: StoreOptions): Promise<Signer> {
  const active = (await store.list()).find(({ purpose, state }) => purpose === 'audit' && state === 'active');
  return store.signer('audit', active?.algorithm ?? auditAlgorithm(options));
}

function auditAlgorithm({ algorithms }: StoreOptions): KeyAlgorithm {
  return algorithms?.audit ?? 'ES256';
}
