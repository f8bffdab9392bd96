import { registeredName, type VerifyKey } from '../keys/algorithms.js';
import { signatureBase } from './base.js';
import { SignatureError } from './error.js';
import type { StructuredFields } from './field.js';
import type { Message } from './message.js';
import { parametersText, type ReceivedSignature } from './received.js';

/**
 * Proves that a key made a signature over what the message is now (RFC 9421 section 3.2).
 *
 * It proves nothing about the body, unless `content-digest` is covered and compared as well, and nothing about what
 * should have been covered, about time and about replay: those are the caller's to check before (section 7.2).
 * @throws {SignatureError} in every other case
 */
export async function verifyMessage(
  message: Message,
  signature: ReceivedSignature,
  key: VerifyKey,
  known?: StructuredFields,
): Promise<void> {
  // Sources that disagree about the algorithm are a failure (section 3.2, step 6.5); the key decides.
  if (signature.alg !== undefined && signature.alg !== registeredName(key.algorithm)) {
    throw new SignatureError('algorithm_mismatch', 'The signature names another algorithm than that of its key');
  }
  const base = signatureBase(message, signature.coverage, parametersText(signature), known);
  if (!(await key.verify(base, signature.bytes))) {
    throw new SignatureError('signature_mismatch', 'The signature does not match');
  }
}
