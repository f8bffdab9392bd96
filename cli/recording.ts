import { openAuditTrail, type AuditTrail } from '../lib/audit/trail.js';
import type { Signer, SigningKey } from '../lib/keys/signer.js';
import { showText } from '../lib/text.js';
import { UsageError } from './command.js';

export const AUDIT = { audit: { type: 'string' } } as const;

export const AUDIT_HELP: string = `  --audit <file>        record what is done in this audit trail, whose checkpoints are signed by the key store; a file
                        that no running server writes to
`;

/** Names the key store that signs the checkpoints of a trail from now on. */
export type SignWith = (signer: Signer) => Promise<void>;

/**
 * Lends an audit trail to some work, and closes it whatever happens.
 * @throws {AuditTrailError} before the work begins, for a file that another process writes to
 */
export async function withTrail<Result>(
  file: string,
  work: (trail: AuditTrail, signWith: SignWith) => Promise<Result>,
): Promise<Result> {
  if (file === '') throw new UsageError('name the file of an audit trail with --audit');
  const signer = new HeldKey();
  // What matters of what goes wrong keeps the trail from being closed as it should.
  const trail = await openAuditTrail({ file, signer, onError: () => undefined });
  const [worked] = await Promise.allSettled([work(trail, (store) => signer.hold(store))]);
  const [closed] = await Promise.allSettled([trail.close()]);
  if (worked.status === 'rejected') throw worked.reason;
  if (closed.status === 'rejected') throw notRecorded(file, closed.reason);
  return worked.value;
}

/** The trail is opened before the key store that it is to know of, and closed behind it: it signs with a key that is held. */
class HeldKey implements Signer {
  #key: Promise<SigningKey> = Promise.reject(new Error('no key store signs its checkpoints'));

  constructor() {
    // Nobody may ever ask for it.
    this.#key.catch(() => undefined);
  }

  async hold(signer: Signer): Promise<void> {
    this.#key = signer.current();
    await this.#key;
  }

  current(): Promise<SigningKey> {
    return this.#key;
  }
}

function notRecorded(file: string, cause: unknown): Error {
  const why = rootOf(cause);
  const reason = why instanceof Error ? why.message : String(why);
  return new Error(`it is done, but '${showText(file)}' does not record it to its end: ${reason}`, { cause });
}

function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error;
}
