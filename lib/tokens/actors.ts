import { isObject } from '../rpc.js';
import { member, type Members } from './jwt.js';

/** Somebody who acts for the subject of a token, as far as its issuer names them. */
export interface Actor {
  readonly subject?: string;
  /** The issuer that names the actor so. Default: that of the token. */
  readonly issuer?: string;
  readonly clientId?: string;
}

const NAMES = { subject: 'sub', issuer: 'iss', clientId: 'client_id' } as const;
const MAX_ACTORS = 16;

/**
 * Who acts, and on whose behalf each of them did (RFC 8693 section 4.1): the current actor first, then earlier ones.
 * For information: nothing is decided from it, and what is not of its form ends the list.
 */
export function actorsOf(claims: Members): readonly Actor[] {
  const actors: Actor[] = [];
  let act = member(claims, 'act');
  while (isObject(act) && actors.length < MAX_ACTORS) {
    const actor = readActor(act);
    if (actor === undefined) break;
    actors.push(actor);
    act = member(act, 'act');
  }
  return Object.freeze(actors);
}

function readActor(act: Members): Actor | undefined {
  const named = Object.entries(NAMES).flatMap(([name, claim]) => {
    const value = member(act, claim);
    return typeof value === 'string' && value !== '' ? [[name, value] as const] : [];
  });
  return named.length === 0 ? undefined : Object.freeze(Object.fromEntries(named));
}
