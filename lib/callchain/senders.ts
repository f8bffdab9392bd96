import type { State } from '../context.js';
import type { TrustedKeys } from '../keys/trust.js';
import { canonicalResource } from '../url.js';

/**
 * The owner that the sender of a request is proven to be, in canonical form: by signature, or else by the client of the
 * token or certificate. Nothing for a client that is in nobody's trust.
 */
export type SenderOf = (state: Partial<State>) => string | undefined;

/** The peers that sign hops, by the names that chains have for them. */
export function namedPeers(trust: readonly TrustedKeys[]): readonly TrustedKeys[] {
  return trust.map((peer) => {
    const { owner, clientId = owner } = peer;
    return { ...peer, owner: canonicalResource(owner), clientId };
  });
}

/**
 * Prepares the peers that sign hops, for being recognized when they call.
 * @throws {TypeError} for a client id that stands for two owners
 */
export function openSenders(factory: string, peers: readonly TrustedKeys[]): SenderOf {
  const owners = new Set(peers.map(({ owner }) => owner));
  const clients = new Map<string, string>();
  for (const { owner, clientId = owner } of peers) {
    const other = clients.get(clientId);
    if (other !== undefined && other !== owner) {
      throw new TypeError(`${factory}: 'trust' has the client '${clientId}' under '${other}' and '${owner}'; keep one`);
    }
    clients.set(clientId, owner);
  }
  return ({ auth, signature }) => {
    const signer = signature && canonicalResource(signature.owner);
    if (signer !== undefined && owners.has(signer)) return signer;
    return clients.get(auth?.clientId ?? signature?.clientId ?? '');
  };
}
