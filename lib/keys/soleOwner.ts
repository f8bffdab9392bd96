import { Unavailable } from '../denial.js';
import type { Refreshed } from '../refreshed.js';
import { OUTAGE, type Contents } from './remoteSet.js';

type Sets<Key> = readonly Refreshed<Contents<Key>>[];

/**
 * The key of that id, from the one set that has it.
 *
 * Sets in memory are asked first, so that a peer that hangs holds up nobody whose keys are known. What was never fetched
 * is waited for, all of it at once: a set that nobody has seen might have the key as well, and a peer that publishes
 * another's key must not be taken for it meanwhile.
 * @throws {Unavailable} when a set that might have the key cannot be had
 */
export async function soleOwner<Key>(sets: Sets<Key>, keyId: string): Promise<Key | undefined> {
  const claiming = sets.filter(({ current }) => current?.has(keyId) === true);
  if (claiming.length === 1 && sets.every(({ isFresh }) => isFresh)) return claiming[0]?.current?.get(keyId);
  const asked =
    claiming.length === 0 ? sets : sets.filter((set) => set.current === undefined || claiming.includes(set));
  const answers = await Promise.allSettled(asked.map((set) => set.find((keys) => keys.has(keyId) || undefined)));
  for (const set of sets) if (!asked.includes(set)) void set.update();

  const owners = sets.filter(({ current }) => current?.has(keyId) === true);
  if (owners.length > 1) return undefined;
  const failed = answers.find((one) => one.status === 'rejected');
  const [owner] = owners;
  const isKnown = owner === undefined ? failed === undefined : sets.every(({ current }) => current !== undefined);
  if (isKnown) return owner?.current?.get(keyId);
  throw new Unavailable(OUTAGE, { cause: failed?.reason });
}
