import type { State } from '../context.js';
import type { TrustedKeys } from '../keys/trust.js';
import { canonicalResource } from '../url.js';
import type {} from '../../middleware/authenticate.js';
import type {} from '../../middleware/verifySignature.js';

/**
 * The owner that the sender of a request is proven to be, in canonical form: by signature, or else by the client of the
 * token or certificate. Nothing for a client that is in nobody's trust.
 */
export type SenderOf = (state: Partial<State>) => string | undefined;

/**
 * Prepares the peers that sign hops, for being recognized when they call.
 * @throws {TypeError} for a client id that stands for two owners
 */
export function openSenders(factory: string, trust: readonly TrustedKeys[]): SenderOf {
  const owners = new Map<string, string>();
  const clients = new Map<string, string>();
  for (const { owner, clientId = owner } of trust) {
    const name = canonicalResource(owner);
    owners.set(owner, name).set(name, name);
    const other = clients.get(clientId);
    if (other !== undefined && other !== name) {
      throw new TypeError(`${factory}: 'trust' has the client '${clientId}' under '${other}' and '${name}'; keep one`);
    }
    clients.set(clientId, name);
  }
  return ({ auth, signature }) => {
    const signer = signature && (owners.get(signature.owner) ?? owners.get(canonicalResource(signature.owner)));
    return signer ?? clients.get(auth?.clientId ?? signature?.clientId ?? '');
  };
}
