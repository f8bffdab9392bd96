import { callback, flag, integer, listOf, object, oneOf, optional, readOptions, text, type Check } from '../options.js';
import { ALGORITHMS, type KeyAlgorithm } from './algorithms.js';
import type { KeyEvent } from './keyEvents.js';
import { KEY_PURPOSES, type KeyPurpose } from './keyRecord.js';
import type { Policy } from './rotation.js';
import { checkSecret } from './sealing.js';

/** One value for every purpose, or one for some of them; the others keep the default. */
export type PerPurpose<Value> = Value | Readonly<Partial<Record<KeyPurpose, Value>>>;

export interface OpenKeyStoreOptions {
  /** A directory of its own. Created when absent, for its owner alone; denied when others can reach into it. */
  readonly directory: string;
  /**
   * Encrypts the private keys: 32 random bytes, their base64 or hexadecimal text, or a passphrase of at least 16
   * characters, which costs 128 MiB and about half a second of work in the thread pool for each opening.
   */
  readonly secret: string | Uint8Array;
  /**
   * Which algorithms keys are generated for, the one to sign with first. Keys of an algorithm that is no longer listed
   * stop signing once one that is listed is active. Default: `ES256`.
   */
  readonly algorithms?: PerPurpose<KeyAlgorithm | readonly KeyAlgorithm[]>;
  /** What the store may sign. Default: every purpose. */
  readonly purposes?: readonly KeyPurpose[];
  /** For how many seconds a key signs before the next one takes over. Default: 90 days. */
  readonly rotateEvery?: PerPurpose<number>;
  /** For how many seconds a key is published before it signs: longer than verifiers cache the key set. Default: 900. */
  readonly publishFor?: PerPurpose<number>;
  /**
   * For how many seconds a key stays published after it has stopped signing: as long as anything it signed has to
   * verify. Default: a day for `request` and `call-chain`, 90 days for the others.
   */
  readonly retireAfter?: PerPurpose<number>;
  /** Whether to create the store when there is none. Default: true. */
  readonly create?: boolean;
  /** The serial of the newest version known from elsewhere: an older one is denied, and so is no store. Default: 0. */
  readonly leastSerial?: number;
  /** Sees what happens to keys, for the audit trail. What it throws becomes a process warning. */
  readonly onEvent?: (event: KeyEvent) => unknown;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/** The options of a key store, checked and complete. */
export interface KeyStoreSettings {
  readonly directory: string;
  readonly secret: string | Uint8Array;
  readonly create: boolean;
  readonly leastSerial: number;
  readonly purposes: readonly KeyPurpose[];
  readonly algorithmsOf: (purpose: KeyPurpose) => readonly [KeyAlgorithm, ...KeyAlgorithm[]];
  readonly policyOf: (purpose: KeyPurpose) => Policy;
  readonly onEvent: (event: KeyEvent) => unknown;
  readonly now: () => Date;
}

const DAY = 24 * 60 * 60;
const SHORT_LIVED: readonly KeyPurpose[] = ['request', 'call-chain'];

const perPurpose =
  (check: Check): Check =>
  (value) => {
    if (object(value) !== undefined) return check(value);
    const [unknown] = Object.keys(value as object).filter(
      (name) => !(KEY_PURPOSES as readonly string[]).includes(name),
    );
    if (unknown !== undefined) return `has no purpose '${unknown}'; the purposes are '${KEY_PURPOSES.join("', '")}'`;
    const bad = Object.entries(value as object).find(([, one]) => check(one) !== undefined);
    return bad === undefined ? undefined : `.${bad[0]} ${check(bad[1]) ?? ''}`;
  };

const algorithm = oneOf(...ALGORITHMS);
const algorithms: Check = (value) => (Array.isArray(value) ? listOf(algorithm, { least: 1 })(value) : algorithm(value));
const period = optional(perPurpose(integer(1)));

/** @throws {TypeError} for options that are unknown, of the wrong kind, or at odds */
export function readKeyStoreOptions(options: OpenKeyStoreOptions): KeyStoreSettings {
  const checked = readOptions<OpenKeyStoreOptions>('openKeyStore', options, {
    directory: text,
    secret: checkSecret,
    algorithms: optional(perPurpose(algorithms)),
    purposes: optional(listOf(oneOf(...KEY_PURPOSES), { least: 1 })),
    rotateEvery: period,
    publishFor: period,
    retireAfter: period,
    create: optional(flag),
    leastSerial: optional(integer(0)),
    onEvent: optional(callback),
    now: optional(callback),
  });
  const { directory, secret, create = true, leastSerial = 0, purposes = KEY_PURPOSES } = checked;
  const { onEvent = () => undefined, now = () => new Date() } = checked;
  const policies = new Map(purposes.map((purpose) => [purpose, readPolicy(purpose, checked)]));
  return {
    directory,
    secret,
    create,
    leastSerial,
    purposes,
    onEvent,
    now,
    algorithmsOf: (purpose) => {
      const listed: readonly KeyAlgorithm[] = [forPurpose(checked.algorithms, purpose) ?? []].flat();
      const [first = 'ES256', ...rest] = listed;
      return [first, ...rest];
    },
    policyOf: (purpose) => policies.get(purpose) ?? readPolicy(purpose, checked),
  };
}

function readPolicy(purpose: KeyPurpose, options: OpenKeyStoreOptions): Policy {
  const rotateEvery = forPurpose(options.rotateEvery, purpose) ?? 90 * DAY;
  const publishFor = forPurpose(options.publishFor, purpose) ?? 900;
  const retireAfter = forPurpose(options.retireAfter, purpose) ?? (SHORT_LIVED.includes(purpose) ? 1 : 90) * DAY;
  if (rotateEvery <= publishFor) {
    throw new TypeError(
      `openKeyStore: 'rotateEvery' must be longer than 'publishFor' (${purpose}: ${rotateEvery} and ${publishFor} seconds)`,
    );
  }
  return { rotateEvery: rotateEvery * 1000, publishFor: publishFor * 1000, retireAfter: retireAfter * 1000 };
}

function forPurpose<Value extends number | string | readonly string[]>(
  option: PerPurpose<Value> | undefined,
  purpose: KeyPurpose,
): Value | undefined {
  return isRecord(option) ? option[purpose] : option;
}

function isRecord<Value>(
  option: PerPurpose<Value> | undefined,
): option is Readonly<Partial<Record<KeyPurpose, Value>>> {
  return typeof option === 'object' && !Array.isArray(option);
}
