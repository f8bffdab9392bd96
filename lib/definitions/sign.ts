import { canonicalize } from '../json/canonical.js';
import { signCompact } from './compact.js';
import { definitionOf, isManifest, statedBy, type Manifest, type WireTool } from './form.js';
import { signJws, type DetachedSignature, type SigningTerms } from './jws.js';

/**
 * Signs a tool as it is sent: a detached JWS (RFC 7515 appendix F) of `typ` `etdi-tool+jws`, issued by its publisher.
 *
 * Times are in the protected header, not in the definition: signing again is no change of the tool.
 * @throws {TypeError} for a tool that does not state its definition
 * @throws {JsonError} for a tool that has no canonical form
 */
export async function signDefinition(tool: WireTool, terms: SigningTerms): Promise<DetachedSignature> {
  const stated = statedBy(tool);
  if (stated === undefined) throw new TypeError('a tool must state its whole definition before it is signed');
  return signJws('etdi-tool+jws', definitionOf(tool), stated.publisher, terms);
}

/**
 * Signs the list of all tools: a compact JWS (RFC 7515 section 7.1) of `typ` `etdi-manifest+jws` that holds the list.
 * @throws {TypeError} for a manifest that is not one
 */
export async function signManifest(manifest: Manifest, terms: SigningTerms): Promise<string> {
  if (!isManifest(manifest)) throw new TypeError('a manifest needs server, publisher, serial and the digests of tools');
  return signCompact('etdi-manifest+jws', canonicalize(manifest), manifest.publisher, terms);
}
