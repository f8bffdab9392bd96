import { ask, HELLO, type Answer, type Patient, type Question } from './ask.js';

/** What adds headers to a request before it is sent, such as a proof or a signature. */
export type Wrap = (send: typeof fetch) => typeof fetch;

/** What was sent in the end, and the answer to it. */
export interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly answer: Answer;
}

/**
 * Asks through something that adds headers, and perhaps asks once more where a nonce is missing.
 * @param tamper changes the body on its way, after the headers were made for it
 */
export async function askThrough(
  wrap: Wrap,
  patient: Patient,
  { method = 'POST', headers, body = HELLO }: Question,
  tamper: (body: string) => string = (one) => one,
): Promise<Sent> {
  const attempts: Sent[] = [];
  const send = wrap(async (_url, init) => {
    const made = Object.fromEntries(new Headers(init?.headers));
    const answer = await ask(patient, { method, headers: made, ...(method === 'POST' ? { body: tamper(body) } : {}) });
    attempts.push({ headers: made, answer });
    return toResponse(answer);
  });
  const content = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };
  const all = { ...patient.headers, ...(method === 'POST' ? content : {}), ...headers };
  await send(patient.url, { method, headers: all, ...(method === 'POST' ? { body } : {}) });
  const last = attempts.at(-1);
  if (last === undefined) throw new Error('nothing was sent');
  return last;
}

/** As much of an answer as says whether a nonce is asked for. */
function toResponse({ status, headers, challenge }: Answer): Response {
  const nonce = headers['dpop-nonce'];
  return new Response(null, {
    // Others may be none that a `Response` can have.
    status: status === 400 || status === 401 ? status : 200,
    headers: { 'www-authenticate': challenge, ...(typeof nonce === 'string' ? { 'dpop-nonce': nonce } : {}) },
  });
}
