import { signingFetch } from '../../client/signingFetch.js';
import type { Signer } from '../../lib/keys/signer.js';
import { ask, HELLO, type Answer, type Patient } from './ask.js';
import { failed, ok, unknown, type Finding } from './finding.js';

type Headers = Readonly<Record<string, string>>;

/** Looks at a server as somebody who signs requests: is a signature believed, once, and only for what it covers? */
export async function lookAsSigner(patient: Patient, signer: Signer, token?: string): Promise<readonly Finding[]> {
  const own: Headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const signed = await sign(patient, signer, own);
  const first = await ask(patient, { headers: signed });
  if (first.status >= 400) {
    const fix = "list the public key (mcp-etdi keys export) in verifySignature's 'keys'";
    return [unknown('signature', `The signed request is denied with ${first.status}${hint(first)}.`, fix)];
  }
  const fresh = await sign(patient, signer, own);
  return [
    ok('signature', 'The signed request is accepted.'),
    judge('replay', 'The same signed request, sent once more,', await ask(patient, { headers: signed })),
    judge('tampered_body', 'A body that was changed after it was signed', await tampered(patient, fresh)),
  ];
}

function tampered(patient: Patient, headers: Headers): Promise<Answer> {
  return ask(patient, { headers, body: HELLO.replace('doctor', 'impostor') });
}

function judge(check: string, what: string, { status }: Answer): Finding {
  return status >= 400 && status < 500
    ? ok(check, `${what} is denied with ${status}.`)
    : failed(check, `${what} was answered with ${status}.`, 'mount verifySignature(...): it sees each nonce once');
}

function hint({ headers }: Answer): string {
  return headers['accept-signature'] === undefined ? ', and it does not ask for signatures' : '';
}

/** The headers of a signed request, which is not sent. */
async function sign({ url, headers }: Patient, signer: Signer, own: Headers): Promise<Headers> {
  let kept: Headers = {};
  const keep: typeof fetch = (_input, init) => {
    kept = Object.fromEntries(new Headers(init?.headers));
    return Promise.resolve(new Response());
  };
  const send = signingFetch({ signer, resource: url.href, fetch: keep });
  const content = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  await send(url, { method: 'POST', headers: { ...headers, ...content, ...own }, body: HELLO });
  return kept;
}
