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
import type { Holder } from './holder.js';

const FOREIGN = 'https://mcp-etdi-doctor.invalid';

type Headers = Readonly<Record<string, string>>;

/** Looks at a server as somebody with a token that is valid there. */
export async function lookAsCaller(patient: Patient, holder: Holder): Promise<readonly Finding[]> {
  const { obstacle } = holder;
  if (obstacle !== undefined)
    return [unknown('token', obstacle.text, obstacle.fix), ...(await unprovenAccepted(holder))];
  const hello = await holder.ask();
  const taken = tokenTaken(hello);
  if (taken.outcome !== 'ok') return [taken];
  const session = hello.headers['mcp-session-id'];
  const headers = typeof session === 'string' ? { 'mcp-session-id': session } : {};
  try {
    return [
      taken,
      ...(holder.isBound ? [unprovenToken(await holder.askUnproven())] : []),
      await originWithToken(holder),
      await mirroredHeader(holder),
      ...(await unknownTool(holder, headers)),
      ...(typeof session === 'string' ? [await strangerInSession(patient, session)] : []),
    ];
  } finally {
    if (typeof session === 'string') await holder.ask({ method: 'DELETE', headers }).catch(() => undefined);
  }
}

/** A token that nobody has proven may be denied for another reason, so that only the opposite says something. */
async function unprovenAccepted({ isBound, askUnproven }: Holder): Promise<readonly Finding[]> {
  const finding = isBound ? unprovenToken(await askUnproven()) : undefined;
  return finding?.outcome === 'failed' ? [finding] : [];
}

/** What the binding is for: whoever steals the token has no key. */
function unprovenToken({ status }: Answer): Finding {
  const check = 'unproven_token';
  if (status >= 400) return ok(check, `The token without a proof of its key is denied with ${status}.`);
  const fix = 'check what tokens are bound to: authenticate(...)';
  return failed(check, `The token without a proof of its key was answered with ${status}.`, fix);
}

function tokenTaken({ status, challenge, body }: Answer): Finding {
  const check = 'token';
  if (status >= 200 && status < 300) return ok(check, 'The token is accepted.');
  if (status === 403 && /accept-signature|signature_required/i.test(body)) {
    return unknown(check, 'The token is accepted, but every request must be signed.', 'pass --directory');
  }
  const reason = parameterOf(challenge, 'error') ?? 'without a reason';
  const bound = /\bDPoP\b/i.test(challenge) ? ', with its key in --proof-key-file if it is bound to one' : '';
  const fix = `pass a token whose audience is this endpoint and that has not expired${bound}`;
  return unknown(check, `The token is not accepted: ${status}, ${reason}.`, fix);
}

async function originWithToken(holder: Holder): Promise<Finding> {
  const { status } = await holder.ask({ headers: { origin: FOREIGN } });
  return status === 403
    ? ok('foreign_origin_token', 'A foreign web page that has a token is denied with 403.')
    : failed('foreign_origin_token', `A foreign web page with a token got ${status}.`, 'mount validateOrigin(...)');
}

async function mirroredHeader(holder: Holder): Promise<Finding> {
  const { status } = await holder.ask({ headers: { 'mcp-method': 'tools/list' }, body: HELLO });
  const check = 'header_mismatch';
  if (status === 400) return ok(check, 'A header that contradicts the body is denied with 400.');
  return warning(
    check,
    `A header that contradicts the body was answered with ${status}.`,
    'compare Mcp-Method and Mcp-Name with the body: a proxy may decide by them',
  );
}

/** Default deny, and whether calls must be signed. */
async function unknownTool(holder: Holder, headers: Headers): Promise<readonly Finding[]> {
  const answer = await holder.ask({ headers, body: NO_SUCH_CALL });
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
