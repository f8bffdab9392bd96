import type { SignKey } from '../keys/algorithms.js';
import { signatureBase } from './base.js';
import type { Coverage } from './coverage.js';
import type { StructuredFields } from './field.js';
import type { Message } from './message.js';
import { serializeBytes, serializeKey, serializeParameters } from './serialize.js';
import type { BareItem, Parameters } from './structured.js';

/** What a signature says about itself, in the order in which it is written. */
export type SignatureParameters = Readonly<Record<string, string | number | boolean>>;

/** The two fields of a signed message. */
export interface SignatureFields {
  readonly 'signature-input': string;
  readonly signature: string;
}

export interface SignOptions {
  /** Prepared once with `coverageOf`. */
  readonly coverage: Coverage;
  /** `created` and `expires` in seconds since the epoch, `nonce`, `keyid`, `tag`. */
  readonly parameters: SignatureParameters;
  readonly key: Pick<SignKey, 'sign'>;
  /** The name under which the two fields hold the signature. It carries no meaning. Default: `sig1`. */
  readonly label?: string | undefined;
  /** Fields that are structured beyond those of the standards. */
  readonly known?: StructuredFields | undefined;
}

/**
 * Signs a message (RFC 9421 section 3.1).
 * @throws {SignatureError} when the message does not have a component, or a parameter cannot be written
 */
export async function signMessage(message: Message, options: SignOptions): Promise<SignatureFields> {
  const { coverage, parameters, key, label = 'sig1', known } = options;
  const input = signatureInput(label, coverage, parameters);
  const bytes = await key.sign(signatureBase(message, coverage, serializeParameters(typed(parameters)), known));
  return { 'signature-input': input, signature: `${label}=${serializeBytes(bytes)}` };
}

/**
 * One member of `Signature-Input`, and of `Accept-Signature`, where `true` asks for a parameter (RFC 9421 section 5.1).
 * @throws {SignatureError} `malformed` when the label or a parameter cannot be written
 */
export function signatureInput(label: string, coverage: Coverage, parameters: SignatureParameters): string {
  return `${serializeKey(label)}=${coverage.text}${serializeParameters(typed(parameters))}`;
}

function typed(parameters: SignatureParameters): Parameters {
  return new Map(Object.entries(parameters).map(([name, value]) => [name, bareItem(value)]));
}

function bareItem(value: string | number | boolean): BareItem {
  if (typeof value === 'string') return { type: 'string', value };
  return typeof value === 'number' ? { type: 'integer', value } : { type: 'boolean', value };
}
