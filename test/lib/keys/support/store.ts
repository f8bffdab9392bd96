import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyEvent } from '../../../../lib/keys/keyEvents.js';
import { openKeyStore, type KeyStore } from '../../../../lib/keys/keyStore.js';
import type { OpenKeyStoreOptions } from '../../../../lib/keys/keyStoreOptions.js';

export const SECRET: Uint8Array = Uint8Array.from({ length: 32 }, (_, index) => index + 1);
export const MINUTE = 60;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A clock that stands still until it is told to go on. */
class Clock {
  #time = Date.parse('2026-03-01T12:00:00Z');

  readonly now = (): Date => new Date(this.#time);

  /** Seconds; backwards when negative. */
  advance(seconds: number): void {
    this.#time += seconds * 1000;
  }
}

/** A folder of its own for each test, and stores in it that are closed afterwards. */
class Sandbox {
  readonly clock: Clock = new Clock();
  readonly events: KeyEvent[] = [];
  readonly #stores: KeyStore[] = [];
  #folder = '';

  get directory(): string {
    return join(this.#folder, 'keys');
  }

  get folder(): string {
    return this.#folder;
  }

  async begin(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'mcp-etdi-keys-'));
  }

  async open(options: Partial<OpenKeyStoreOptions> = {}): Promise<KeyStore> {
    const store = await openKeyStore({
      directory: this.directory,
      secret: SECRET,
      now: this.clock.now,
      onEvent: (event) => this.events.push(event),
      ...options,
    });
    this.#stores.push(store);
    return store;
  }

  async end(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()));
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Gives each test of a suite a sandbox. */
export function sandboxed(): () => Sandbox {
  let sandbox: Sandbox;
  beforeEach(async () => {
    sandbox = new Sandbox();
    await sandbox.begin();
  });
  afterEach(() => sandbox.end());
  return () => sandbox;
}

/** What an operation fails with. */
export async function failureOf(work: () => unknown): Promise<Error & { code?: string }> {
  try {
    await work();
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new Error('it did not fail');
}
