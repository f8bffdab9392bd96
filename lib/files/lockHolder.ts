import { readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { failedWith } from './disk.js';

/** The process that holds a lock, as its lock file names it. */
export interface LockHolder {
  /** What `thisHost` says there. */
  readonly host: string;
  readonly pid: number;
  readonly token: string;
  /** Tells apart those that share a process id, where that matters. */
  readonly instance?: string;
}

/** What a lock file says, or nothing for what names no process. */
export function readHolder(text: string): LockHolder | undefined {
  try {
    const value = JSON.parse(text) as Partial<LockHolder> | null;
    return Number.isSafeInteger(value?.pid) && (value?.pid ?? 0) > 0 ? (value as LockHolder) : undefined;
  } catch {
    return undefined;
  }
}

/** Two containers may share a host name, a volume and process ids, but not the namespace that the ids belong to. */
export async function thisHost(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return `${hostname()} ${namespace}`.trim();
}

/** Whether there is no process of that id on this host. */
export function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (cause) {
    return failedWith(cause, 'ESRCH');
  }
}
