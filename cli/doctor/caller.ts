import {
  ask,
  codeIn,
  HELLO,
  messageIn,
  messageOf,
  NO_SUCH_CALL,
  parameterOf,
  type Answer,
  type Patient,
} from './ask.js';
import { failed, ok, unknown, warning, type Finding } from './finding.js';

const FOREIGN = 'https://mcp-etdi-doctor.invalid';

type Headers = Readonly<Record<string, string>>;

/** Looks at a server as somebody with a token that is valid there. */
export async function lookAsCaller(patient: Patient, token: string): Promise<readonly Finding[]> {
  const headers = { authorization: `Bearer ${token}` };
  const hello = await ask(patient, { headers });
  const taken = tokenTaken(hello);
  if (taken.outcome !== 'ok') return [taken];
  const session = hello.headers['mcp-session-id'];
  const known = { ...headers, ...(typeof session === 'string' ? { 'mcp-session-id': session } : {}) };
  try {
    return [
      taken,
      await originWithToken(patient, headers),
      await mirroredHeader(patient, headers),
      ...(await unknownTool(patient, known)),
      ...(typeof session === 'string' ? [await strangerInSession(patient, session)] : []),
    ];
  } finally {
    if (typeof session === 'string') await ask(patient, { method: 'DELETE', headers: known }).catch(() => undefined);
  }
}

/** Looks at what a server makes of a token whose time is over. */
export async function lookAsLatecomer(patient: Patient, token: string): Promise<Finding> {
  const { status, challenge } = await ask(patient, { headers: { authorization: `Bearer ${token}` } });
  const check = 'expired_token';
  if (status < 400) {
    return failed(
      check,
      `The expired token was answered with ${status}.`,
      'check the exp of tokens: authenticate(...)',
    );
  }
  if (status === 401 && parameterOf(challenge, 'error') === 'invalid_token') {
    return ok(check, 'The expired token is denied with 401 invalid_token, so clients fetch a new one.');
  }
  return warning(
    check,
    `The expired token is denied with ${status}, so clients do not fetch a new one.`,
    'answer 401 with error="invalid_token"',
  );
}

function tokenTaken({ status, challenge, body }: Answer): Finding {
  const check = 'token';
  if (status >= 200 && status < 300) return ok(check, 'The token is accepted.');
  if (status === 403 && /accept-signature|signature_required/i.test(body)) {
    return unknown(check, 'The token is accepted, but every request must be signed.', 'pass --directory');
  }
  const reason = parameterOf(challenge, 'error') ?? 'without a reason';
  return unknown(
    check,
    `The token is not accepted: ${status}, ${reason}.`,
    'pass a token whose audience is this endpoint and that has not expired',
  );
}

async function originWithToken(patient: Patient, headers: Headers): Promise<Finding> {
  const { status } = await ask(patient, { headers: { ...headers, origin: FOREIGN } });
  return status === 403
    ? ok('foreign_origin_token', 'A foreign web page that has a token is denied with 403.')
    : failed('foreign_origin_token', `A foreign web page with a token got ${status}.`, 'mount validateOrigin(...)');
}

async function mirroredHeader(patient: Patient, headers: Headers): Promise<Finding> {
  const { status } = await ask(patient, { headers: { ...headers, 'mcp-method': 'tools/list' }, body: HELLO });
  const check = 'header_mismatch';
  if (status === 400) return ok(check, 'A header that contradicts the body is denied with 400.');
  return warning(
    check,
    `A header that contradicts the body was answered with ${status}.`,
    'compare Mcp-Method and Mcp-Name with the body: a proxy may decide by them',
  );
}

/** Default deny, and whether calls must be signed. */
async function unknownTool(patient: Patient, headers: Headers): Promise<readonly Finding[]> {
  const answer = await ask(patient, { headers, body: NO_SUCH_CALL });
  const code = codeIn(answer);
  if (answer.headers['accept-signature'] !== undefined) {
    return [ok('unsigned_call', `A call without a signature is denied with ${answer.status}.`)];
  }
  const unsigned = unknown(
    'unsigned_call',
    'Calls without a signature are let through, at least of tools that do not ask for one.',
    "set requireSignature for sensitive tools, or verifySignature's mode to 'calls'",
  );
  if (code === 'tool_undefined') return [ok('unknown_tool', 'A tool that is not defined is denied.'), unsigned];
  const seen = isToolError(answer) ? 'reached the MCP server' : `was answered with ${answer.status}`;
  const fix = 'mount authorizeScopes({ tools }): it denies what is not defined';
  return [warning('unknown_tool', `A call of a tool that nobody defined ${seen}.`, fix), unsigned];
}

function isToolError(answer: Answer): boolean {
  return answer.status === 200 && ('result' in messageIn(answer) || 'error' in messageIn(answer));
}

/** A session belongs to whoever opened it, and is not a way in for others. */
async function strangerInSession(patient: Patient, session: string): Promise<Finding> {
  const headers = { 'mcp-session-id': session };
  const { status } = await ask(patient, { headers, body: messageOf('tools/list', {}) });
  return status >= 200 && status < 300
    ? failed('session', 'A stranger who knows the id of a session is served.', 'check the token of every request')
    : ok('session', `A stranger who knows the id of a session is denied with ${status}.`);
}
