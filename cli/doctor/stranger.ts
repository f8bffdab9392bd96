import { isLoopback } from '../../lib/url.js';
import { ask, parameterOf, type Answer, type Patient } from './ask.js';
import { broken, failed, ok, skipped, unknown, warning, type Finding } from './finding.js';
import type { Holder } from './holder.js';

const MOUNT = 'mount authenticate(...) in front of the MCP handler';
const FOREIGN = 'https://mcp-etdi-doctor.invalid';
const MADE_UP = 'not-a-token';
/** Signs of an exception that was sent to the client. */
const STACK = /\n\s+at .*:\d+:\d+|node_modules\/|[A-Za-z]:\\\\|\/home\/|\/usr\/src\//;

/** Looks at a server as somebody without any token. Only in a query, where it must not count, one is tried if there is one. */
export async function lookAsStranger(
  patient: Patient,
  stranger: Answer,
  holder: Holder | undefined,
): Promise<readonly Finding[]> {
  const made = await ask(patient, { headers: { authorization: `Bearer ${MADE_UP}` } });
  return [
    transport(patient.url),
    ...challengeOf(stranger),
    badToken(made),
    await tokenInQuery(patient, stranger, { made, holder }),
    await foreignOrigin(patient, stranger, holder),
    ...(await foreignHost(patient, stranger)),
    await brokenBody(patient),
  ];
}

function transport({ protocol, hostname }: URL): Finding {
  if (protocol === 'https:') return ok('transport', 'The endpoint is reached over TLS.');
  if (isLoopback(hostname)) return ok('transport', 'The endpoint is on loopback, where plain HTTP is allowed.');
  return failed('transport', 'Tokens travel over plain HTTP.', 'serve the endpoint over https');
}

function challengeOf({ status, challenge }: Answer): readonly Finding[] {
  const unasked = skipped(['challenge', 'challenge_metadata'], 'a stranger is not denied with 401');
  if (status >= 200 && status < 300) {
    return [failed('stranger_denied', `A stranger was answered with ${status}.`, MOUNT), ...unasked];
  }
  if (status !== 401) {
    const text = `A stranger was denied with ${status}, so clients do not look for a token.`;
    const fix = 'answer a request without a token with 401 and a challenge (RFC 6750 section 3)';
    return [failed('stranger_denied', text, fix), ...unasked];
  }
  const denied = ok('stranger_denied', 'A stranger is denied with 401.');
  if (!/^bearer\b|, *bearer\b|^dpop\b/i.test(challenge)) {
    const fix = 'send WWW-Authenticate: Bearer resource_metadata="..." with the 401';
    const missing = failed('challenge', 'The 401 carries no Bearer challenge.', fix);
    return [denied, missing, ...skipped(['challenge_metadata'], 'there is no challenge')];
  }
  return [denied, ...parametersOf(challenge)];
}

function parametersOf(challenge: string): readonly Finding[] {
  const error = parameterOf(challenge, 'error');
  const premature = 'leave the error out where no token came (RFC 6750 section 3.1): some clients give up on it';
  return [
    error === undefined
      ? ok('challenge', 'The challenge names no error where no token came.')
      : warning('challenge', `The challenge says ${error} though no token came.`, premature),
    parameterOf(challenge, 'resource_metadata') === undefined
      ? failed(
          'challenge_metadata',
          'The challenge does not say where the resource metadata is.',
          'add resource_metadata (RFC 9728 section 5.1)',
        )
      : ok('challenge_metadata', 'The challenge says where the resource metadata is.'),
  ];
}

function badToken(answer: Answer): Finding {
  const check = 'bad_token';
  const { status, challenge } = answer;
  if (status < 400) return failed(check, `Something that is no token was answered with ${status}.`, MOUNT);
  if (status >= 500) return failed(check, `Something that is no token caused ${status}.`, 'answer 401 invalid_token');
  if (STACK.test(answer.body)) return failed(check, 'The error shows a stack or a path.', 'send constant error texts');
  if (status === 401 && parameterOf(challenge, 'error') === 'invalid_token') {
    return ok(check, 'Something that is no token is denied with 401 invalid_token.');
  }
  return warning(
    check,
    `Something that is no token is denied with ${status}.`,
    'answer 401 with error="invalid_token"',
  );
}

interface Tokens {
  /** The answer to a made-up token in its proper place. */
  readonly made: Answer;
  readonly holder: Holder | undefined;
}

/** A bound token would be missing its proof there, and be denied for that. */
async function tokenInQuery(patient: Patient, stranger: Answer, { made, holder }: Tokens): Promise<Finding> {
  const check = 'token_in_query';
  const real = holder?.obstacle === undefined && holder?.isBound === false ? holder.token : undefined;
  const url = new URL(patient.url);
  url.searchParams.set('access_token', real ?? MADE_UP);
  const answer = await ask(patient, { url });
  const { status, challenge } = answer;
  if (status < 400) return failed(check, `A request with a token in its query was answered with ${status}.`, MOUNT);
  const error = parameterOf(challenge, 'error');
  const isTaken =
    error === 'invalid_token' || error === 'insufficient_scope' || (status === 403 && stranger.status === 401);
  const fix = 'take tokens from the Authorization header only: queries end up in logs';
  if (isTaken) return failed(check, 'A token in the query is taken for one.', fix);
  // A server that answers a made-up token as it answers none would do so wherever it found it.
  const tells = real !== undefined || parameterOf(made.challenge, 'error') === 'invalid_token';
  const text = 'A made-up token is answered like none, wherever it stands.';
  const finding = tells
    ? ok(check, 'A token in the query is not looked at.')
    : unknown(check, text, 'pass a token that is bound to no key');
  return broken(check, status) ?? finding;
}

/** Whether a web page elsewhere could make a browser speak to the server (MCP 2026-07-28, Security Warning of the transport). */
async function foreignOrigin(patient: Patient, stranger: Answer, holder: Holder | undefined): Promise<Finding> {
  const check = 'foreign_origin';
  const { status } = await ask(patient, { headers: { origin: FOREIGN } });
  const fix = 'mount validateOrigin(...) in front of authenticate(...)';
  if (status < 400) return failed(check, `A request of a foreign web page was answered with ${status}.`, fix);
  if (status === stranger.status) {
    const elsewhere = holder === undefined ? `${fix}, or pass a token` : `${fix}, or see foreign_origin_token`;
    return unknown(check, `A request of a foreign web page is denied with ${status}, as any stranger is.`, elsewhere);
  }
  if (status === 403) return ok(check, 'A request of a foreign web page is denied with 403.');
  return broken(check, status) ?? failed(check, `A request of a foreign web page was answered with ${status}.`, fix);
}

/** DNS rebinding: a name of somebody else that leads to this very machine. Elsewhere a proxy decides what a host is. */
async function foreignHost(patient: Patient, stranger: Answer): Promise<readonly Finding[]> {
  const check = 'dns_rebinding';
  if (!isLoopback(patient.url.hostname)) return skipped([check], 'the endpoint is not on loopback');
  const { host } = new URL(FOREIGN);
  const { status } = await ask(patient, { headers: { host, origin: FOREIGN } });
  const what = 'A foreign name that leads to this machine';
  const fix = 'mount validateOrigin(...): on loopback it looks at Host and Origin';
  if (status < 400) return [failed(check, `${what} is served.`, fix)];
  if (status === stranger.status) return [unknown(check, `${what} is denied with ${status}, as any stranger is.`, fix)];
  return [broken(check, status) ?? ok(check, `${what} is denied with ${status}.`)];
}

async function brokenBody(patient: Patient): Promise<Finding> {
  const answer = await ask(patient, { body: '{"jsonrpc":' });
  const check = 'broken_body';
  if (STACK.test(answer.body)) return failed(check, 'The error shows a stack or a path.', 'send constant error texts');
  if (answer.status >= 500) return failed(check, `A broken body caused ${answer.status}.`, 'answer 400');
  if (answer.status === 401) return ok(check, 'A stranger is denied before the body is read.');
  const fix = 'mount the checks in front of the body parser: a stranger costs less then';
  return warning(check, `A stranger with a broken body was answered with ${answer.status}.`, fix);
}
