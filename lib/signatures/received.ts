import { readCoverage, type Coverage } from './coverage.js';
import { SignatureError } from './error.js';
import type { Fields } from './message.js';
import { parseDictionary } from './parse.js';
import { serializeParameters } from './serialize.js';
import { isInnerList, type BareItem, type InnerList, type Member, type Parameters } from './structured.js';

/** The longest `Signature` and `Signature-Input`, in characters, all lines together. */
const MAX_FIELD = 8192;
/** The most signatures that one message may carry. */
export const MAX_SIGNATURES = 4;
const MAX_LABEL = 64;

/** A signature as found in a message. Nothing in it is valid yet, and others' need not be. */
export interface FoundSignature {
  /** Carries no meaning: anyone on the way may change it (RFC 9421 section 7.2.5). */
  readonly label: string;
  /** What the signature is for. Select by it, and by nothing else (section 7.2.7). */
  readonly tag: string | undefined;
  readonly input: InnerList;
  readonly bytes: Uint8Array;
}

/** A signature whose input is well-formed: what it covers, and the parameters of RFC 9421 section 2.3. */
export interface ReceivedSignature {
  readonly label: string;
  readonly coverage: Coverage;
  /** Seconds since the epoch. */
  readonly created: number | undefined;
  /** Seconds since the epoch. */
  readonly expires: number | undefined;
  readonly nonce: string | undefined;
  readonly alg: string | undefined;
  readonly keyid: string | undefined;
  readonly tag: string | undefined;
  /** All parameters in the order received, those of other specifications included. */
  readonly parameters: Parameters;
  readonly bytes: Uint8Array;
}

/**
 * Finds the signatures of a message, none when it has neither field (RFC 9421 section 4).
 * @throws {SignatureError} `malformed` when the two fields are not what they must be or do not belong together,
 *   `too_many`
 */
export function findSignatures(headers: Fields): readonly FoundSignature[] {
  const inputs = readField(headers, 'signature-input');
  const signatures = readField(headers, 'signature');
  if (inputs.size !== signatures.size) throw malformed();
  if (inputs.size > MAX_SIGNATURES) throw new SignatureError('too_many', 'The message has too many signatures');
  const list: FoundSignature[] = [];
  for (const [label, input] of inputs) list.push(found(label, input, signatures.get(label)));
  return list;
}

/**
 * Reads what a found signature covers and says about itself.
 * @throws {SignatureError} `too_many`, `component_invalid`, `component_duplicate`, `parameter_invalid`
 */
export function readSignature({ label, input, bytes }: FoundSignature): ReceivedSignature {
  const { parameters } = input;
  return {
    label,
    coverage: readCoverage(input.items),
    created: integer(parameters.get('created')),
    expires: integer(parameters.get('expires')),
    nonce: text(parameters.get('nonce')),
    alg: text(parameters.get('alg')),
    keyid: text(parameters.get('keyid')),
    tag: text(parameters.get('tag')),
    parameters,
    bytes,
  };
}

/** The signature parameters as they stand in the base, in the order received (RFC 9421 section 2.3). */
export function parametersText({ parameters }: ReceivedSignature): string {
  return serializeParameters(parameters);
}

function readField(headers: Fields, name: string): ReadonlyMap<string, Member> {
  const lines = (Object.hasOwn(headers, name) ? headers[name] : undefined) ?? [];
  if (lines.length === 0) return new Map();
  const value = lines.join(', ');
  const members = value.length > MAX_FIELD ? new Map<string, Member>() : parseDictionary(value);
  if (members.size === 0) throw malformed();
  return members;
}

function found(label: string, input: Member, signature: Member | undefined): FoundSignature {
  if (label.length > MAX_LABEL || !isInnerList(input)) throw malformed();
  if (signature === undefined || isInnerList(signature) || signature.parameters.size > 0) throw malformed();
  if (signature.item.type !== 'bytes') throw malformed();
  const tag = input.parameters.get('tag');
  return { label, tag: tag?.type === 'string' ? tag.value : undefined, input, bytes: signature.item.value };
}

function integer(value: BareItem | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (value.type !== 'integer') throw invalid();
  return value.value;
}

function text(value: BareItem | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (value.type !== 'string') throw invalid();
  return value.value;
}

function malformed(): SignatureError {
  return new SignatureError('malformed', 'Signature and Signature-Input are malformed');
}

function invalid(): SignatureError {
  return new SignatureError('parameter_invalid', 'A signature parameter is not of its type');
}
