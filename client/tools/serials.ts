/** A deployment of a server, by the serial of its manifest. */
export interface Deployment {
  readonly serial: number;
  /** When it was first seen. */
  readonly since: Date;
}

/** The deployments that still tell a rollback from a rolling deployment, in ascending order. */
export type Deployments = readonly Deployment[];

const MOST = 16;

/** Whether a serial is lower than one that was there before the last rolling deployment began. */
export function isRollback(known: Deployments, serial: number, now: Date, graceMs: number): boolean {
  const higher = known.find((one) => one.serial > serial);
  return higher !== undefined && now.getTime() - higher.since.getTime() >= graceMs;
}

/** What to remember once a serial was seen; the same list where nothing is new. */
export function remember(known: Deployments, serial: number, now: Date, graceMs: number): Deployments {
  const last = known.at(-1);
  if (last !== undefined && serial <= last.serial) return known;
  const all = [...known, { serial, since: now }];
  // One is enough of those that are past their grace: whatever is lower than an older one is lower than it too.
  const settled = all.findLastIndex(({ since }) => now.getTime() - since.getTime() >= graceMs);
  const kept = all.slice(Math.max(settled, 0));
  // Of too many the last but one goes: what was there first must not be pushed out by many new ones.
  return kept.length <= MOST ? kept : [...kept.slice(0, MOST - 1), ...kept.slice(-1)];
}
