import { signingFetch, type SigningFetchOptions } from '../../client/signingFetch.js';
import type { Signer } from '../../lib/keys/signer.js';
import { ask, type Answer, type Patient } from './ask.js';
import { broken, failed, ok, skipped, unknown, type Finding } from './finding.js';
import type { Holder } from './holder.js';
import { askThrough, type Sent, type Wrap } from './through.js';

const SEES_NONCES = 'mount verifySignature(...): it sees each nonce once';
const NO_KEY = 'no key store was given with --directory';

/** What makes one signed request unlike another. */
interface Variant {
  /** Of one signature, where several share it. Default: a new one. */
  readonly nonce?: string | undefined;
  /** Changes the body after it was signed. */
  readonly tamper?: (body: string) => string;
}

/** Looks at a server as somebody who signs requests: is a signature believed, once, and only for what it covers? */
export async function lookAsSigner(
  patient: Patient,
  signer: Signer | undefined,
  holder?: Holder,
): Promise<readonly Finding[]> {
  if (signer === undefined) return skipped(['signature', 'replay', 'tampered_body'], NO_KEY);
  const inVain = (why: Finding): readonly Finding[] => [
    why,
    ...skipped(['replay', 'tampered_body'], 'no signed request is accepted'),
  ];
  if (holder?.obstacle !== undefined) {
    return inVain(unknown('signature', holder.obstacle.text, holder.obstacle.fix));
  }
  const send = (variant: Variant = {}): Promise<Sent> => askSigned(patient, signer, holder, variant);
  const first = await send();
  const { status } = first.answer;
  if (status >= 400) {
    const fix = "list the public key (mcp-etdi keys export) in verifySignature's 'keys'";
    return inVain(unknown('signature', `The signed request is denied with ${status}${hint(first.answer)}.`, fix));
  }
  const replay = await replayed(patient, first, send);
  const { answer } = await send({ tamper: (body) => body.replace('doctor', 'impostor') });
  const tampered = judge('tampered_body', 'A body that was changed after it was signed', answer);
  return [believed(tampered), replay, tampered];
}

/** Who does not look at signatures takes any. */
function believed(tampered: Finding): Finding {
  if (tampered.outcome !== 'failed') return ok('signature', 'The signed request is accepted.');
  const text = 'The signed request is accepted, and so is one whose signature is wrong.';
  return unknown('signature', text, SEES_NONCES);
}

/**
 * A proof is good for once as well, and looked at first. So the nonce is tried again by itself too: signed anew, over a
 * new proof, it leaves nothing but itself to be denied for.
 */
async function replayed(patient: Patient, first: Sent, send: (variant: Variant) => Promise<Sent>): Promise<Finding> {
  const check = 'replay';
  const again = await ask(patient, { headers: first.headers });
  const same = judge(check, 'The same signed request, sent once more,', again);
  if (same.outcome !== 'ok' || first.headers['dpop'] === undefined) return same;
  const nonce = /;nonce="([^"]+)"/.exec(first.headers['signature-input'] ?? '')?.[1];
  const { answer } = await send({ nonce });
  return judge(check, 'A second request with the nonce of the first, and a proof of its own,', answer);
}

function judge(check: string, what: string, { status }: Answer): Finding {
  if (status < 400) return failed(check, `${what} was answered with ${status}.`, SEES_NONCES);
  return broken(check, status) ?? ok(check, `${what} is denied with ${status}.`);
}

function hint({ headers }: Answer): string {
  return headers['accept-signature'] === undefined ? ', and it does not ask for signatures' : '';
}

/** The proof of a token comes first, so that the signature covers it. */
function askSigned(
  patient: Patient,
  signer: Signer,
  holder: Holder | undefined,
  { nonce, tamper }: Variant,
): Promise<Sent> {
  const own: Partial<SigningFetchOptions> = nonce === undefined ? {} : { newNonce: () => nonce };
  const sign: Wrap = (send) => signingFetch({ signer, resource: patient.url.href, fetch: send, ...own });
  const wrap: Wrap = holder === undefined ? sign : (send) => holder.prove(sign(send));
  const headers = holder === undefined ? {} : { authorization: holder.authorization };
  return askThrough(wrap, patient, { headers }, tamper);
}
