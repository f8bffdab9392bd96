import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';

interface Entry {
  readonly payload: AdapterPayload;
  readonly expiresAt: number;
}

/** Storage of one authorization server, gone when the process ends. Development only. */
export function memoryAdapter(): AdapterFactory {
  const entries = new Map<string, Entry>();
  return (model: string): Adapter => {
    const keyOf = (id: string): string => `${model}:${id}`;
    const find = (id: string): AdapterPayload | undefined => {
      const entry = entries.get(keyOf(id));
      return entry !== undefined && entry.expiresAt > Date.now() ? entry.payload : undefined;
    };
    const findBy = (name: 'uid' | 'userCode', value: string): AdapterPayload | undefined =>
      [...entries].find(([key, { payload }]) => key.startsWith(`${model}:`) && payload[name] === value)?.[1].payload;
    const drop = (gone: (entry: Entry) => boolean): void => {
      for (const [key, entry] of entries) if (gone(entry)) entries.delete(key);
    };
    return {
      upsert: (id, payload, seconds = Infinity) => {
        drop(({ expiresAt }) => expiresAt <= Date.now());
        entries.set(keyOf(id), { payload, expiresAt: Date.now() + seconds * 1000 });
        return Promise.resolve();
      },
      find: (id) => Promise.resolve(find(id)),
      findByUid: (uid) => Promise.resolve(findBy('uid', uid)),
      findByUserCode: (code) => Promise.resolve(findBy('userCode', code)),
      consume: (id) => {
        const payload = find(id);
        if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
        return Promise.resolve();
      },
      destroy: (id) => {
        entries.delete(keyOf(id));
        return Promise.resolve();
      },
      revokeByGrantId: (grantId) => {
        drop(({ payload }) => payload.grantId === grantId);
        return Promise.resolve();
      },
    };
  };
}
