import { importSignKey } from './algorithms.js';
import { generateKey } from './generateKey.js';
import {
  caughtUp,
  chooseKey,
  isBehind,
  withFirstKey,
  withNextKey,
  withoutKey,
  type Circumstances,
  type Wanted,
} from './keyChanges.js';
import { KeyWatch } from './keyEvents.js';
import { stateAt, type KeyRecord, type Track } from './keyRecord.js';
import { KeyStoreError } from './keyStoreError.js';
import type { KeyStoreSettings } from './keyStoreOptions.js';
import { activeKey, forgetPrivate, pendingKey } from './rotation.js';
import { seal, unseal } from './sealing.js';
import type { SigningKey } from './signer.js';
import type { Vault } from './vault.js';

type Keys = readonly KeyRecord[];

/** For how many milliseconds a change made by another process may go unnoticed. */
const LOOK_EVERY = 1000;
const RETRY_AFTER = 60_000;

/** The keys of one open store: what their life asks for, carried out on the files. */
export class KeyRing {
  readonly #vault: Vault;
  readonly #settings: KeyStoreSettings;
  readonly #watch: KeyWatch;
  readonly #prepared = new Map<string, Promise<SigningKey>>();
  readonly #starting = new Map<string, Promise<KeyRecord>>();
  /** The tracks that this process signs with, and so keeps in rotation. */
  readonly #kept = new Map<string, Track>();
  #lookedAt = -Infinity;
  #looking: Promise<Keys> | undefined;
  #keeping: Promise<void> | undefined;
  #retryAt = -Infinity;
  #closed = false;

  constructor(vault: Vault, settings: KeyStoreSettings) {
    this.#vault = vault;
    this.#settings = settings;
    this.#watch = new KeyWatch(settings.onEvent);
    this.#watch.start(vault.latest.keys, this.#time());
  }

  /** Every key on record, as of a second ago at most. */
  async keys(): Promise<Keys> {
    this.#assertOpen();
    const age = this.#time() - this.#lookedAt;
    if (age >= 0 && age < LOOK_EVERY) return this.#vault.latest.keys;
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  /** Keeps a track in rotation from now on. */
  keep(track: Track): void {
    this.#kept.set(nameOf(track), track);
  }

  /** The key to sign with, generated when there is none. */
  async signingKey(wanted: Wanted): Promise<SigningKey> {
    const record = chooseKey(await this.keys(), wanted, this.#time()) ?? (await this.start(wanted));
    return this.#prepare(record);
  }

  /** Makes sure that there is a key to sign with. */
  start(wanted: Wanted): Promise<KeyRecord> {
    const name = `${nameOf(wanted)} ${String(wanted.mayBridge)}`;
    const starting = this.#starting.get(name) ?? this.#start(wanted).finally(() => this.#starting.delete(name));
    this.#starting.set(name, starting);
    return starting;
  }

  /** Makes sure that a track has a key, be it one that is going to sign only. */
  async generate(wanted: Wanted): Promise<KeyRecord> {
    await this.start(wanted);
    const { keys } = this.#vault.latest;
    return certain(activeKey(keys, wanted, this.#time()) ?? pendingKey(keys, wanted, this.#time()));
  }

  /** Gives a track its next key. */
  async rotate(track: Track, immediately: boolean): Promise<KeyRecord> {
    const keys = await this.#change((before, now) => withNextKey(before, track, immediately, now));
    const time = this.#time();
    return certain(pendingKey(keys, track, time) ?? activeKey(keys, track, time));
  }

  /** Takes a key out at once. */
  async revoke(keyId: string): Promise<KeyRecord> {
    const keys = await this.#change((before, now) => withoutKey(before, find(before, keyId), now));
    return find(keys, keyId);
  }

  /** Does what is due by now, and reports what happened. Never fails. */
  async look(): Promise<void> {
    try {
      await this.keys();
    } catch (cause) {
      this.#failed(cause);
    }
  }

  /** Waits for what is going on, and lets go of the keys. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([this.#looking, this.#keeping, ...this.#starting.values()]);
    this.#prepared.clear();
  }

  async #start(wanted: Wanted): Promise<KeyRecord> {
    const keys = await this.#change((before, now) => withFirstKey(before, wanted, now));
    return certain(chooseKey(keys, wanted, this.#time()));
  }

  async #look(): Promise<Keys> {
    const time = this.#time();
    const { keys } = await this.#vault.refresh();
    this.#lookedAt = time;
    this.#notice(keys);
    if (time >= this.#retryAt) this.#keeping ??= this.#keepUp().finally(() => (this.#keeping = undefined));
    return keys;
  }

  /** Runs beside the signing: until the next key is there, the present one goes on. */
  async #keepUp(): Promise<void> {
    try {
      for (const track of this.#kept.values()) {
        if (!isBehind(this.#vault.latest.keys, track, this.#now())) continue;
        await this.#change((keys, now) => caughtUp(keys, track, now));
      }
    } catch (cause) {
      this.#failed(cause);
    }
  }

  #notice(keys: Keys): void {
    const time = this.#time();
    this.#watch.look(keys, time);
    const active = new Set(keys.filter((one) => stateAt(one, time) === 'active').map(({ keyId }) => keyId));
    for (const keyId of this.#prepared.keys()) if (!active.has(keyId)) this.#prepared.delete(keyId);
  }

  #failed(cause: unknown): void {
    if (this.#closed) return;
    const time = this.#time();
    this.#retryAt = time + RETRY_AFTER;
    this.#watch.report({ type: 'upkeep_failed', at: new Date(time), cause });
  }

  async #change(change: (keys: Keys, now: Circumstances) => Promise<Keys | undefined>): Promise<Keys> {
    this.#assertOpen();
    const { keys } = await this.#vault.update(async (before) => {
      const after = await change(before, this.#now());
      return after === undefined ? undefined : forgetPrivate(after, this.#time());
    });
    this.#notice(keys);
    return keys;
  }

  async #generate({ purpose, algorithm }: Track, wait: number): Promise<KeyRecord> {
    const { keyId, publicJwk, privateJwk } = await generateKey(algorithm);
    const createdAt = this.#time();
    const bound = { keyId, purpose, algorithm, createdAt };
    const privateJwe = await seal(this.#vault.keys, bound, privateJwk);
    return { ...bound, publicJwk, privateJwe, activeAt: createdAt + wait };
  }

  #prepare(record: KeyRecord): Promise<SigningKey> {
    const { keyId, privateJwe = '' } = record;
    const known = this.#prepared.get(keyId);
    if (known !== undefined) return known;
    const prepared = unseal(this.#vault.keys, { ...record, privateJwe }).then(importSignKey);
    this.#prepared.set(keyId, prepared);
    prepared.catch(() => this.#prepared.delete(keyId));
    return prepared;
  }

  #now(): Circumstances {
    const { policyOf, algorithmsOf } = this.#settings;
    return { time: this.#time(), policyOf, algorithmsOf, generate: (track, wait) => this.#generate(track, wait) };
  }

  #time(): number {
    return this.#settings.now().getTime();
  }

  #assertOpen(): void {
    if (this.#closed) throw new KeyStoreError('store_closed', 'the key store was closed; open it again');
  }
}

const nameOf = ({ purpose, algorithm }: Track): string => `${purpose} ${algorithm}`;

function certain(record: KeyRecord | undefined): KeyRecord {
  if (record === undefined) throw new Error('the clock went back while a key was generated; try again');
  return record;
}

function find(keys: Keys, keyId: string): KeyRecord {
  const record = keys.find((one) => one.keyId === keyId);
  if (record === undefined) {
    throw new KeyStoreError('key_unknown', 'there is no key with this id; list the keys to see their ids');
  }
  return record;
}
