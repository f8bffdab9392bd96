/**
 * Keeps signed approvals by name. It need not be trusted: who reads verifies. Whoever can write to it can take approvals
 * away, and can bring back older ones.
 */
export interface ApprovalStore {
  /** @throws {Unavailable} when the store cannot tell */
  readonly get: (key: string) => Promise<string | undefined>;
  /** Puts a record in the place of the one of that key. Others stay, whoever writes at the same time. */
  readonly set: (key: string, record: string) => Promise<void>;
  /** Every record by its key. */
  readonly entries: () => Promise<ReadonlyMap<string, string>>;
}

/** An approval store for one process: for tests, and for approvals that need not outlive it. */
export function memoryApprovals(): ApprovalStore {
  const records = new Map<string, string>();
  return Object.freeze({
    get: (key: string) => Promise.resolve(records.get(key)),
    set: (key: string, record: string) => {
      records.set(key, record);
      return Promise.resolve();
    },
    entries: () => Promise.resolve(new Map(records)),
  });
}
