import { isLoopback } from '../../lib/url.js';
import { ask, parameterOf, type Answer, type Patient } from './ask.js';
import { failed, ok, unknown, warning, type Finding } from './finding.js';

const MOUNT = 'mount authenticate(...) in front of the MCP handler';
const FOREIGN = 'https://mcp-etdi-doctor.invalid';
/** Signs of an exception that was sent to the client. */
const STACK = /\n\s+at .*:\d+:\d+|node_modules\/|[A-Za-z]:\\\\|\/home\/|\/usr\/src\//;

/** Looks at a server as somebody without any token. */
export async function lookAsStranger(patient: Patient): Promise<readonly Finding[]> {
  const stranger = await ask(patient);
  return [
    transport(patient.url),
    ...challengeOf(stranger),
    await badToken(patient),
    await tokenInQuery(patient),
    await foreignOrigin(patient),
    ...(await foreignHost(patient)),
    await brokenBody(patient),
  ];
}

function transport({ protocol, hostname }: URL): Finding {
  if (protocol === 'https:') return ok('transport', 'The endpoint is reached over TLS.');
  if (isLoopback(hostname)) return ok('transport', 'The endpoint is on loopback, where plain HTTP is allowed.');
  return failed('transport', 'Tokens travel over plain HTTP.', 'serve the endpoint over https');
}

function challengeOf({ status, challenge }: Answer): readonly Finding[] {
  if (status >= 200 && status < 300) {
    return [failed('stranger_denied', `A stranger was answered with ${status}.`, MOUNT)];
  }
  if (status !== 401) {
    const fix = 'answer a request without a token with 401 and a challenge (RFC 6750 section 3)';
    return [
      failed('stranger_denied', `A stranger was denied with ${status}, so clients do not look for a token.`, fix),
    ];
  }
  const denied = ok('stranger_denied', 'A stranger is denied with 401.');
  if (!/^bearer\b|, *bearer\b|^dpop\b/i.test(challenge)) {
    const fix = 'send WWW-Authenticate: Bearer resource_metadata="..." with the 401';
    return [denied, failed('challenge', 'The 401 carries no Bearer challenge.', fix)];
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

async function badToken(patient: Patient): Promise<Finding> {
  const answer = await ask(patient, { headers: { authorization: 'Bearer not-a-token' } });
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

async function tokenInQuery(patient: Patient): Promise<Finding> {
  const url = new URL(patient.url);
  url.searchParams.set('access_token', 'not-a-token');
  const { status, challenge } = await ask(patient, { url });
  const check = 'token_in_query';
  if (status < 400) return failed(check, `A request with a token in its query was answered with ${status}.`, MOUNT);
  if (parameterOf(challenge, 'error') !== 'invalid_token') return ok(check, 'A token in the query is not looked at.');
  const fix = 'take tokens from the Authorization header only: queries end up in logs';
  return failed(check, 'A token in the query is taken for one.', fix);
}

/** Whether a web page elsewhere could make a browser speak to the server (MCP 2026-07-28, Security Warning of the transport). */
async function foreignOrigin(patient: Patient): Promise<Finding> {
  const { status, challenge } = await ask(patient, { headers: { origin: FOREIGN } });
  if (status === 403) return ok('foreign_origin', 'A request of a foreign web page is denied with 403.');
  const fix = 'mount validateOrigin(...) in front of authenticate(...)';
  if (status === 401 && challenge !== '') {
    return unknown('foreign_origin', 'The Origin is not looked at before the token is.', `${fix}, or pass a token`);
  }
  return failed('foreign_origin', `A request of a foreign web page was answered with ${status}.`, fix);
}

/** DNS rebinding: a name of somebody else that leads to this very machine. Elsewhere a proxy decides what a host is. */
async function foreignHost(patient: Patient): Promise<readonly Finding[]> {
  if (!isLoopback(patient.url.hostname)) return [];
  const { host } = new URL(FOREIGN);
  const { status, challenge } = await ask(patient, { headers: { host, origin: FOREIGN } });
  const fix = 'mount validateOrigin(...): on loopback it looks at Host and Origin';
  if (status >= 200 && status < 300) {
    return [failed('dns_rebinding', 'A foreign name that leads to this machine is served.', fix)];
  }
  return status === 401 && challenge !== ''
    ? [unknown('dns_rebinding', 'The Host is not looked at before the token is.', fix)]
    : [ok('dns_rebinding', `A foreign name that leads to this machine is denied with ${status}.`)];
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
