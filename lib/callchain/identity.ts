import { signerFor, type Signer } from '../keys/signer.js';
import { optional, readOptions, text, type Check } from '../options.js';
import { canonicalResource } from '../url.js';

/** A server or an agent, as it is named in call chains. */
export interface CallIdentity {
  /** The public URL of the MCP endpoint (RFC 8707), or the URI of an agent. Chains are for it, and it signs as it. */
  readonly resource: string;
  /** Signs hops: `keyStore.signer('call-chain')`. Default: none, for a server whose tools call no other server. */
  readonly signer?: Signer;
}

const URI = /^[a-z][a-z0-9+.-]*:[^\s#]+$/i;

/** Allows the name of a server or an agent. */
export const uri: Check = (value) =>
  text(value) ?? (URI.test(value as string) ? undefined : 'must be a URI without a fragment');

/**
 * A checked identity, its name in canonical form.
 * @throws {TypeError} when it is none
 */
export function readIdentity(
  factory: string,
  identity: CallIdentity,
): { readonly resource: string; readonly signer: Signer | undefined } {
  const { resource, signer } = readOptions<CallIdentity>(`${factory}: 'identity'`, identity, {
    resource: uri,
    signer: optional(signerFor('call-chain')),
  });
  return { resource: canonicalResource(resource), signer };
}
