import { readStrictJson } from '../json/strict.js';
import type { Trust } from '../keys/trust.js';
import { isObject } from '../rpc.js';
import { canonicalResource } from '../url.js';
import { readCompact } from './compact.js';
import {
  definitionOf,
  digestOfDefinition,
  isManifest,
  metaOf,
  SIGNATURES,
  statedBy,
  type Definition,
  type Manifest,
  type WireTool,
} from './form.js';
import {
  verifyJws,
  type DetachedSignature,
  type SignatureFacts,
  type SignatureFault,
  type VerifyTerms,
} from './jws.js';

/** Why it is not proven that a tool or a manifest is what its publisher signed. */
export type DefinitionFault =
  | SignatureFault
  /** It states no definition, not all of it, or something that has no canonical form. */
  | 'definition_malformed'
  | 'signature_missing'
  /** The key is trusted, and is that of somebody else than the publisher. */
  | 'signer_foreign';

/** A tool that is what its publisher signed. */
export interface VerifiedDefinition extends SignatureFacts {
  readonly definition: Definition;
  /** As in `digestOfTool`. */
  readonly digest: string;
}

/** A list of tools that is what its publisher signed. */
export interface VerifiedManifest extends SignatureFacts {
  readonly manifest: Manifest;
}

/** How many signatures of one tool are looked at. */
const MOST_SIGNATURES = 8;
const MOST_CHARACTERS = 1_000_000;

/**
 * Whether one of a tool's signatures proves that the tool is what its publisher signed. A tool may carry signatures of
 * others: they do not help, and do not harm. Resolves to the facts, or to what is wrong with the first signature.
 * @param find the trusted keys, by thumbprint
 * @throws {Unavailable} when a key cannot be had
 */
export async function verifyTool(
  tool: WireTool,
  find: Trust['find'],
  now: Date,
  terms: VerifyTerms = {},
): Promise<VerifiedDefinition | DefinitionFault> {
  const signatures = signaturesOf(tool);
  if (signatures.length === 0) return 'signature_missing';
  const stated = read(tool);
  if (stated === undefined) return 'definition_malformed';
  let first: DefinitionFault | undefined;
  for (const signature of signatures) {
    const result = await verifyStated(stated, signature, find, now, terms);
    if (typeof result !== 'string') return result;
    first ??= result;
  }
  return first ?? 'signature_missing';
}

/**
 * Whether a signature proves that the tool is what its publisher signed. Resolves to the facts, or to what is wrong.
 *
 * The tool must be as it was received, before anything took a member off it.
 * @param find the trusted keys, by thumbprint
 * @throws {Unavailable} when the key cannot be had
 */
export async function verifyDefinition(
  tool: WireTool,
  signature: unknown,
  find: Trust['find'],
  now: Date,
): Promise<VerifiedDefinition | DefinitionFault> {
  const stated = read(tool);
  return stated === undefined ? 'definition_malformed' : verifyStated(stated, signature, find, now, {});
}

/**
 * Whether a list of all tools is what its publisher signed. Resolves to the facts, or to what is wrong.
 * @param find the trusted keys, by thumbprint
 * @throws {Unavailable} when the key cannot be had
 */
export async function verifyManifest(
  compact: unknown,
  find: Trust['find'],
  now: Date,
  terms: VerifyTerms = {},
): Promise<VerifiedManifest | DefinitionFault> {
  if (compact === undefined) return 'signature_missing';
  const jws = readCompact(compact, MOST_CHARACTERS);
  if (jws === undefined) return 'signature_malformed';
  const facts = await verifyJws('etdi-manifest+jws', jws.payload, jws.signature, find, now, terms);
  if (typeof facts === 'string') return facts;
  // Only now: to read a large one takes far longer than to see that no trusted key signed it.
  const manifest = readStrictJson(jws.payload);
  if (!isManifest(manifest)) return 'definition_malformed';
  return isIssuedBy(facts, manifest.publisher) ? Object.freeze({ ...facts, manifest }) : 'signer_foreign';
}

/** The signatures that a tool carries, as they are. */
export function signaturesOf(tool: WireTool): readonly unknown[] {
  const signatures = metaOf(tool)?.[SIGNATURES];
  return Array.isArray(signatures) ? signatures.slice(0, MOST_SIGNATURES) : [];
}

/** What a tool states, and the bytes of it that are signed. */
interface Stated {
  readonly definition: Definition;
  readonly form: Buffer;
}

function read(tool: WireTool): Stated | undefined {
  const definition = statedBy(tool);
  try {
    return definition && { definition, form: Buffer.from(definitionOf(tool)) };
  } catch {
    return undefined;
  }
}

async function verifyStated(
  { definition, form }: Stated,
  signature: unknown,
  find: Trust['find'],
  now: Date,
  terms: VerifyTerms,
): Promise<VerifiedDefinition | DefinitionFault> {
  if (!isDetached(signature)) return 'signature_malformed';
  const facts = await verifyJws('etdi-tool+jws', form, signature, find, now, terms);
  if (typeof facts === 'string') return facts;
  if (!isIssuedBy(facts, definition.publisher)) return 'signer_foreign';
  const { keyId, owner, algorithm, issuedAt, expiresAt, issuer } = facts;
  const digest = digestOfDefinition(form);
  return Object.freeze({ keyId, owner, algorithm, issuedAt, expiresAt, issuer, definition, digest });
}

function isIssuedBy({ issuer, owner }: SignatureFacts, publisher: string): boolean {
  if (issuer !== publisher) return false;
  return owner === publisher || canonicalResource(owner) === canonicalResource(publisher);
}

/** No other member: a header beside the protected one would be covered by nothing. */
function isDetached(value: unknown): value is DetachedSignature {
  if (!isObject(value) || Object.keys(value).length !== 2) return false;
  return typeof value['protected'] === 'string' && typeof value['signature'] === 'string';
}
