import { callback, integer, optional, readOptions } from '../options.js';
import { Expiring } from './expiring.js';

/** Whose session it is: the asker's own, somebody else's, or nobody's. */
export type SessionHolder = 'own' | 'foreign' | 'unknown';

/**
 * Remembers who opened a session. Shared between instances, it holds across all of them.
 *
 * Sessions and owners come as digests. Each method is atomic, and throws `Unavailable` when the store cannot tell.
 */
export interface SessionStore {
  /** Binds a session to an owner for a time, in milliseconds. `false`: it is somebody else's, and stays so. */
  readonly bind: (session: string, owner: string, ttlMs: number) => Promise<boolean>;
  /** Says whose a session is. Where it is the owner's own, it is theirs for that time from now on. */
  readonly use: (session: string, owner: string, ttlMs: number) => Promise<SessionHolder>;
  /** Forgets a session, if it is this owner's. */
  readonly release: (session: string, owner: string) => Promise<void>;
}

export interface MemorySessionsOptions {
  /** How many sessions are held at the most. Beyond it every new one is `Unavailable`. Default: 250,000. */
  readonly max?: number;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/**
 * A session store for one process. It has no timers. A full store binds no new session, so that no flood of new ones
 * can take away somebody's.
 * @throws {TypeError} when an option is not what it must be
 */
export function memorySessions(options: MemorySessionsOptions = {}): SessionStore {
  const { max = 250_000, now = () => new Date() } = readOptions<MemorySessionsOptions>('memorySessions', options, {
    max: optional(integer(1)),
    now: optional(callback),
  });
  const owners = new Expiring<string>(max);

  const holderOf = (session: string, owner: string, time: number): SessionHolder => {
    const held = owners.get(session, time);
    if (held === undefined) return 'unknown';
    return held === owner ? 'own' : 'foreign';
  };

  /* eslint-disable @typescript-eslint/require-await -- turns a throw into a rejection */
  return Object.freeze({
    async bind(session: string, owner: string, ttlMs: number) {
      const time = now().getTime();
      if (holderOf(session, owner, time) === 'foreign') return false;
      owners.set(session, owner, time + ttlMs, time);
      return true;
    },
    async use(session: string, owner: string, ttlMs: number) {
      const time = now().getTime();
      const holder = holderOf(session, owner, time);
      if (holder === 'own') owners.set(session, owner, time + ttlMs, time);
      return holder;
    },
    async release(session: string, owner: string) {
      if (holderOf(session, owner, now().getTime()) === 'own') owners.delete(session);
    },
  });
  /* eslint-enable @typescript-eslint/require-await */
}
