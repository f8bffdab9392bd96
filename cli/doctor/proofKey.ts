import type { JWK } from 'jose';
import { importProofKey, type ProofKey } from '../../lib/dpop/createProof.js';
import { parseStrictJson } from '../../lib/json/strict.js';
import { UsageError } from '../command.js';
import { readPrivateFile } from '../secret.js';

/**
 * The key in a file that nobody else can read.
 * @throws {UsageError} when it is not a private JWK that can sign proofs
 */
export async function readProofKey(file: string): Promise<ProofKey> {
  const text = await readPrivateFile(file);
  try {
    return await importProofKey(parseStrictJson(text) as JWK);
  } catch (cause) {
    throw new UsageError(`'${file}' holds no private key in JWK form, with its alg`, { cause });
  }
}
