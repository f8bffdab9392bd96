import { challenge } from './challenge.js';
import type { RequestContext } from './context.js';
import { Denial } from './denial.js';
import type { Signature } from './signatures/signature.js';
import type { Auth } from './tokens/auth.js';

declare module './denial.js' {
  interface DenialCodes {
    caller_unproven: 401;
  }
}

/** Who calls, by the stronger of two proofs: whoever the token or certificate names, else whoever signed. */
export type Principal =
  { readonly auth: Auth; readonly signature?: never } | { readonly auth?: never; readonly signature: Signature };

const BEARER = challenge('Bearer');

/**
 * The proven caller of a request.
 * @throws {Denial} 401 `caller_unproven` with this challenge when nobody is proven
 */
export function principalOf({ auth, signature }: RequestContext['state'], authenticateBy: string = BEARER): Principal {
  if (auth !== undefined) return { auth };
  if (signature !== undefined) return { signature };
  throw new Denial(401, 'caller_unproven', 'The request does not prove who calls', {
    headers: { 'WWW-Authenticate': authenticateBy },
  });
}
