import type { JSONWebKeySet } from 'jose';
import { orUnavailable } from '../outage.js';
import { listOf, oneOf, optional, readOptions, text } from '../options.js';
import type { KeyAlgorithm } from './algorithms.js';
import {
  describe,
  KEY_PURPOSES,
  KEY_STATES,
  PUBLISHED,
  stateAt,
  type KeyInfo,
  type KeyPurpose,
  type KeyRecord,
  type KeyState,
  type Track,
} from './keyRecord.js';
import type { Wanted } from './keyChanges.js';
import { KeyRing } from './keyRing.js';
import { readKeyStoreOptions, type KeyStoreSettings, type OpenKeyStoreOptions } from './keyStoreOptions.js';
import { publishedJwk } from './publishedJwk.js';
import type { Signer } from './signer.js';
import { Vault } from './vault.js';

/** Which keys to export. What is left out does not matter. */
export interface KeyFilter {
  readonly purpose?: KeyPurpose;
  readonly keyId?: string;
  /** Default: those that are published, `pending`, `active` and `retiring`. */
  readonly states?: readonly KeyState[];
}

export interface RotateOptions {
  /** Whether the new key signs at once, before verifiers can have heard of it. Default: false. */
  readonly immediately?: boolean;
}

/** Generates, keeps, rotates and publishes the signing keys of one party. Several processes may open the same one. */
export interface KeyStore {
  /** For how many seconds a key is published before it signs, at least. A key set must be cached for less. */
  readonly publishFor: number;
  /**
   * Signs with the active key of a purpose, which is generated on first use, and keeps it in rotation.
   * @throws {TypeError} for a purpose or an algorithm that the store was not opened for
   */
  readonly signer: (purpose: KeyPurpose, algorithm?: KeyAlgorithm) => Signer;
  /** The public keys that verifiers need now, each with its purpose. @throws {Unavailable} */
  readonly jwks: (purpose?: KeyPurpose) => Promise<JSONWebKeySet>;
  /** Public keys, those that are no longer published included when asked for. @throws {TypeError} for another filter */
  readonly export: (filter?: KeyFilter) => Promise<JSONWebKeySet>;
  /** Every key on record, in the order in which they were generated. */
  readonly list: () => Promise<readonly KeyInfo[]>;
  /** Makes sure that there is a key to sign with. */
  readonly generate: (purpose: KeyPurpose, algorithm?: KeyAlgorithm) => Promise<KeyInfo>;
  /**
   * Gives a purpose, or every purpose in use, its next key. The key in use goes on until the next one was published for
   * long enough; a rotation that is already under way is not repeated.
   */
  readonly rotate: (purpose?: KeyPurpose, options?: RotateOptions) => Promise<readonly KeyInfo[]>;
  /**
   * Takes a key out at once. When it was the active one, its successor signs from now on.
   * @throws {KeyStoreError} `key_unknown`
   */
  readonly revoke: (keyId: string) => Promise<KeyInfo>;
  /** How often the store was changed: keep it elsewhere to notice that a whole directory was put back (`leastSerial`). */
  readonly serial: () => Promise<number>;
  /** Lets go of the keys. */
  readonly close: () => Promise<void>;
}

const UPKEEP_EVERY = 60_000;
/** Whoever depends on a key is told so whatever the reason: nobody signs with a doubtful one. */
const OUTAGE = 'The signing keys are unavailable';

/**
 * Opens a directory of signing keys, and creates it when there is none.
 *
 * Private keys are encrypted (JWE), every file is authenticated, and each change is all or nothing, whenever the
 * process dies and whoever else changes the store.
 * @throws {TypeError} for options that are not right
 * @throws {KeyStoreError} for a directory or files that others can reach, a wrong secret, and files that were damaged,
 * changed or replaced by older ones
 */
export async function openKeyStore(options: OpenKeyStoreOptions): Promise<KeyStore> {
  const settings = readKeyStoreOptions(options);
  const vault = await Vault.open(settings);
  const ring = new KeyRing(vault, settings);
  const timer = setInterval(() => void ring.look(), UPKEEP_EVERY).unref();
  return Object.freeze({
    publishFor: Math.min(...settings.purposes.map((purpose) => settings.policyOf(purpose).publishFor / 1000)),
    signer: (purpose: KeyPurpose, algorithm?: KeyAlgorithm) => signerOf(ring, wantedOf(settings, purpose, algorithm)),
    jwks: (purpose?: KeyPurpose) =>
      orUnavailable(OUTAGE, () => exportKeys(ring, settings, purpose === undefined ? {} : { purpose })),
    export: (filter: KeyFilter = {}) => exportKeys(ring, settings, filter),
    list: async () => (await ring.keys()).map((record) => describe(record, settings.now().getTime())),
    generate: async (purpose: KeyPurpose, algorithm?: KeyAlgorithm) =>
      describe(await ring.generate(wantedOf(settings, purpose, algorithm)), settings.now().getTime()),
    rotate: (purpose?: KeyPurpose, { immediately = false }: RotateOptions = {}) =>
      rotateKeys(ring, settings, purpose, immediately),
    revoke: async (keyId: string) => describe(await ring.revoke(keyId), settings.now().getTime()),
    serial: async () => {
      await ring.keys();
      return vault.latest.serial;
    },
    close: async () => {
      clearInterval(timer);
      await ring.close();
    },
  });
}

function signerOf(ring: KeyRing, wanted: Wanted): Signer {
  ring.keep(wanted);
  return Object.freeze({
    purpose: wanted.purpose,
    current: () => orUnavailable(OUTAGE, () => ring.signingKey(wanted)),
  });
}

function wantedOf(settings: KeyStoreSettings, purpose: KeyPurpose, algorithm?: KeyAlgorithm): Wanted {
  assertPurpose(settings, purpose);
  const algorithms = settings.algorithmsOf(purpose);
  if (algorithm === undefined) return { purpose, algorithm: algorithms[0], mayBridge: true };
  if (algorithms.includes(algorithm)) return { purpose, algorithm, mayBridge: false };
  throw new TypeError(`the key store has no ${algorithm} keys for '${purpose}'; open it with that one in 'algorithms'`);
}

function assertPurpose({ purposes }: KeyStoreSettings, purpose: KeyPurpose): void {
  if (purposes.includes(purpose)) return;
  throw new TypeError(`the key store has no keys for that purpose; use one of '${purposes.join("', '")}'`);
}

async function exportKeys(ring: KeyRing, settings: KeyStoreSettings, filter: KeyFilter): Promise<JSONWebKeySet> {
  const {
    purpose,
    keyId,
    states = PUBLISHED,
  } = readOptions<KeyFilter>('export', filter, {
    purpose: optional(oneOf(...KEY_PURPOSES)),
    keyId: optional(text),
    states: optional(listOf(oneOf(...KEY_STATES))),
  });
  const records = await ring.keys();
  const time = settings.now().getTime();
  const matches = (one: KeyRecord): boolean =>
    settings.purposes.includes(one.purpose) &&
    (purpose === undefined || one.purpose === purpose) &&
    (keyId === undefined || one.keyId === keyId) &&
    states.includes(stateAt(one, time));
  return { keys: records.filter(matches).map((one) => publishedJwk(one.publicJwk, one.purpose)) };
}

async function rotateKeys(
  ring: KeyRing,
  settings: KeyStoreSettings,
  purpose: KeyPurpose | undefined,
  immediately: boolean,
): Promise<readonly KeyInfo[]> {
  if (purpose !== undefined) assertPurpose(settings, purpose);
  const tracks = tracksOf(await ring.keys(), purpose === undefined ? settings.purposes : [purpose], settings.now());
  const first: readonly Track[] = purpose === undefined ? [] : [wantedOf(settings, purpose)];
  const rotated: KeyInfo[] = [];
  for (const track of tracks.length === 0 ? first : tracks) {
    rotated.push(describe(await ring.rotate(track, immediately), settings.now().getTime()));
  }
  return rotated;
}

/** The tracks that have a key to be replaced. */
function tracksOf(keys: readonly KeyRecord[], purposes: readonly KeyPurpose[], now: Date): readonly Track[] {
  const live = keys.filter(
    (one) => purposes.includes(one.purpose) && ['pending', 'active'].includes(stateAt(one, now.getTime())),
  );
  return [...new Map(live.map((one) => [`${one.purpose} ${one.algorithm}`, one])).values()];
}
