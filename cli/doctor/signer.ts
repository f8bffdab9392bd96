import { signingFetch } from '../../client/signingFetch.js';
import type { Signer } from '../../lib/keys/signer.js';
import { ask, type Answer, type Patient } from './ask.js';
import { failed, ok, unknown, type Finding } from './finding.js';
import type { Holder } from './holder.js';
import { askThrough, type Sent, type Wrap } from './through.js';

/** Looks at a server as somebody who signs requests: is a signature believed, once, and only for what it covers? */
export async function lookAsSigner(patient: Patient, signer: Signer, holder?: Holder): Promise<readonly Finding[]> {
  if (holder?.obstacle !== undefined) return [unknown('signature', holder.obstacle.text, holder.obstacle.fix)];
  const { headers, answer: first } = await askSigned(patient, signer, holder);
  if (first.status >= 400) {
    const fix = "list the public key (mcp-etdi keys export) in verifySignature's 'keys'";
    return [unknown('signature', `The signed request is denied with ${first.status}${hint(first)}.`, fix)];
  }
  const again = await ask(patient, { headers });
  const { answer: tampered } = await askSigned(patient, signer, holder, (body) => body.replace('doctor', 'impostor'));
  return [
    ok('signature', 'The signed request is accepted.'),
    replayed(again, headers),
    judge('tampered_body', 'A body that was changed after it was signed', tampered),
  ];
}

/** A proof is good for once as well, and looked at first. */
function replayed(again: Answer, sent: Sent['headers']): Finding {
  const check = 'replay';
  const finding = judge(check, 'The same signed request, sent once more,', again);
  if (finding.outcome === 'failed' || sent['dpop'] === undefined) return finding;
  const text = 'The same signed request, sent once more, is denied, but perhaps for the proof of its token alone.';
  return unknown(check, text, 'pass a token that is bound to no key, if the server takes one');
}

function judge(check: string, what: string, { status }: Answer): Finding {
  return status >= 400 && status < 500
    ? ok(check, `${what} is denied with ${status}.`)
    : failed(check, `${what} was answered with ${status}.`, 'mount verifySignature(...): it sees each nonce once');
}

function hint({ headers }: Answer): string {
  return headers['accept-signature'] === undefined ? ', and it does not ask for signatures' : '';
}

/** The proof of a token comes first, so that the signature covers it. */
function askSigned(
  patient: Patient,
  signer: Signer,
  holder?: Holder,
  tamper?: (body: string) => string,
): Promise<Sent> {
  const sign: Wrap = (send) => signingFetch({ signer, resource: patient.url.href, fetch: send });
  const wrap: Wrap = holder === undefined ? sign : (send) => holder.prove(sign(send));
  const own = holder === undefined ? {} : { authorization: holder.authorization };
  return askThrough(wrap, patient, { headers: own }, tamper);
}
