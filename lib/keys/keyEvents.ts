import { notify } from '../tell.js';
import type { KeyAlgorithm } from './algorithms.js';
import type { KeyPurpose, KeyRecord } from './keyRecord.js';

/** What happened to a key. */
export interface KeyChanged {
  readonly type: 'key_generated' | 'key_activated' | 'key_retiring' | 'key_retired' | 'key_revoked';
  readonly keyId: string;
  readonly purpose: KeyPurpose;
  readonly algorithm: KeyAlgorithm;
  /** When it happened, which may be a while before it was noticed. */
  readonly at: Date;
}

/** The store could not be read, or not be changed when a rotation was due. It tries again in a minute. */
export interface UpkeepFailed {
  readonly type: 'upkeep_failed';
  readonly at: Date;
  readonly cause: unknown;
}

/** What a key store reports. Each process reports what it notices, changes made by other processes included. */
export type KeyEvent = KeyChanged | UpkeepFailed;

type Step = readonly [type: KeyChanged['type'], at: number];

/** Turns versions of a key store, as they are seen one after the other, into events. */
export class KeyWatch {
  readonly #onEvent: (event: KeyEvent) => unknown;
  readonly #noticed = new Map<string, Set<KeyChanged['type']>>();

  constructor(onEvent: (event: KeyEvent) => unknown) {
    this.#onEvent = onEvent;
  }

  /** Takes note of what happened before this process came. */
  start(keys: readonly KeyRecord[], time: number): void {
    for (const record of keys) this.#noticed.set(record.keyId, new Set(stepsUntil(record, time).map(([type]) => type)));
  }

  /** Reports every step that was taken since the last look, in the order of time. */
  look(keys: readonly KeyRecord[], time: number): void {
    const events = keys.flatMap((record) => this.#newsOf(record, time));
    for (const event of events.sort((a, b) => a.at.getTime() - b.at.getTime())) this.report(event);
  }

  #newsOf(record: KeyRecord, time: number): KeyChanged[] {
    const { keyId, purpose, algorithm } = record;
    const noticed = this.#noticed.get(keyId) ?? new Set();
    this.#noticed.set(keyId, noticed);
    const news = stepsUntil(record, time).filter(([type]) => !noticed.has(type));
    for (const [type] of news) noticed.add(type);
    return news.map(([type, at]) => ({ type, keyId, purpose, algorithm, at: new Date(at) }));
  }

  /** A listener that fails must not keep anybody from signing. */
  report(event: KeyEvent): void {
    notify(this.#onEvent, Object.freeze(event));
  }
}

function stepsUntil({ createdAt, activeAt, retiringAt, retiredAt, revokedAt }: KeyRecord, time: number): Step[] {
  const steps: readonly (readonly [KeyChanged['type'], number | undefined])[] = [
    ['key_generated', createdAt],
    ['key_activated', activeAt],
    ['key_retiring', retiringAt],
    ['key_retired', retiredAt],
    ['key_revoked', revokedAt],
  ];
  const end = Math.min(time, revokedAt ?? Infinity);
  return steps.filter((step): step is Step => step[1] !== undefined && step[1] <= end);
}
