import {
  ask,
  asksForSignature,
  codeIn,
  HELLO,
  messageIn,
  messageOf,
  NO_SUCH_CALL,
  parameterOf,
  type Answer,
  type Patient,
} from './ask.js';
import { broken, failed, note, ok, skipped, unknown, warning, type Finding } from './finding.js';
import type { Holder } from './holder.js';

const FOREIGN = 'https://mcp-etdi-doctor.invalid';
/** What is looked at once the token is known to count. */
const INSIDE = ['foreign_origin_token', 'header_mismatch', 'unknown_tool', 'unsigned_call', 'session'];
const NO_TOKEN = 'no token was given, in MCP_ETDI_TOKEN or with --token-file';

type Headers = Readonly<Record<string, string>>;

/** Looks at a server as somebody with a token that is valid there. */
export async function lookAsCaller(
  patient: Patient,
  holder: Holder | undefined,
  stranger: Answer,
): Promise<readonly Finding[]> {
  if (holder === undefined) return skipped(['token', 'unproven_token', ...INSIDE], NO_TOKEN);
  const { obstacle } = holder;
  if (obstacle !== undefined) {
    return [
      unknown('token', obstacle.text, obstacle.fix),
      ...(await unprovenAccepted(holder)),
      ...skipped(INSIDE, 'the token does not count from here'),
    ];
  }
  const hello = await holder.ask();
  const taken = tokenTaken(hello, holder, stranger);
  if (!isServed(hello)) {
    return [taken, ...(await unprovenAccepted(holder)), ...skipped(INSIDE, 'the token is not accepted')];
  }
  return [taken, ...(await lookInside(patient, holder, hello))];
}

async function lookInside(patient: Patient, holder: Holder, hello: Answer): Promise<readonly Finding[]> {
  const session = hello.headers['mcp-session-id'];
  const headers = typeof session === 'string' ? { 'mcp-session-id': session } : {};
  try {
    return [
      ...(holder.isBound ? [unprovenToken(await holder.askUnproven())] : unbound()),
      await originWithToken(holder),
      await mirroredHeader(holder),
      ...(await unknownTool(holder, headers)),
      ...(typeof session === 'string'
        ? [await strangerInSession(patient, session)]
        : skipped(['session'], 'the server opened no session')),
    ];
  } finally {
    if (typeof session === 'string') await holder.ask({ method: 'DELETE', headers }).catch(() => undefined);
  }
}

const isServed = ({ status }: Answer): boolean => status >= 200 && status < 300;
const unbound = (): readonly Finding[] =>
  skipped(['unproven_token'], 'the token says of no key that it is bound to it');

/** A token that nobody has proven may be denied for another reason, so that only the opposite says something. */
async function unprovenAccepted({ isBound, askUnproven }: Holder): Promise<readonly Finding[]> {
  if (!isBound) return unbound();
  const finding = unprovenToken(await askUnproven());
  if (finding.outcome === 'failed') return [finding];
  return skipped([finding.check], 'the token may be denied for something else');
}

/** What the binding is for: whoever steals the token has no key. */
function unprovenToken({ status }: Answer): Finding {
  const check = 'unproven_token';
  if (status >= 400) {
    return broken(check, status) ?? ok(check, `The token without a proof of its key is denied with ${status}.`);
  }
  const fix = 'check what tokens are bound to: authenticate(...)';
  return failed(check, `The token without a proof of its key was answered with ${status}.`, fix);
}

function tokenTaken(hello: Answer, { signs }: Holder, stranger: Answer): Finding {
  const check = 'token';
  const { status, challenge } = hello;
  if (isServed(hello) && isServed(stranger)) {
    const fix = 'mount authenticate(...) in front of the MCP handler';
    return unknown(check, 'The token is let through, and so is a request without one.', fix);
  }
  if (isServed(hello)) return ok(check, 'The token is accepted.');
  if (asksForSignature(hello)) return signs ? signatureDenied(status) : signatureMissing(status);
  const reason = parameterOf(challenge, 'error') ?? 'without a reason';
  const bound = /\bDPoP\b/i.test(challenge) ? ', with its key in --proof-key-file if it is bound to one' : '';
  const fix = `pass a token whose audience is this endpoint and that has not expired${bound}`;
  return unknown(check, `The token is not accepted: ${status}, ${reason}.`, fix);
}

function signatureMissing(status: number): Finding {
  const text = `Every request must be signed, and is denied with ${status} otherwise.`;
  return unknown('token', text, 'pass the key store of the client with --directory');
}

function signatureDenied(status: number): Finding {
  const text = `The token with a signed request is denied with ${status}, for the signature.`;
  return unknown('token', text, "list the public key (mcp-etdi keys export) in verifySignature's 'keys'");
}

async function originWithToken(holder: Holder): Promise<Finding> {
  const check = 'foreign_origin_token';
  const { status } = await holder.ask({ headers: { origin: FOREIGN } });
  if (status === 403) return ok(check, 'A foreign web page that has a token is denied with 403.');
  const fix = 'mount validateOrigin(...)';
  return broken(check, status) ?? failed(check, `A foreign web page with a token got ${status}.`, fix);
}

async function mirroredHeader(holder: Holder): Promise<Finding> {
  const { status } = await holder.ask({ headers: { 'mcp-method': 'tools/list' }, body: HELLO });
  const check = 'header_mismatch';
  if (status === 400) return ok(check, 'A header that contradicts the body is denied with 400.');
  const text = `A header that contradicts the body was answered with ${status}.`;
  const fix = 'compare Mcp-Method and Mcp-Name with the body: a proxy may decide by them';
  return broken(check, status) ?? warning(check, text, fix);
}

/** Default deny, and whether calls must be signed. */
async function unknownTool(holder: Holder, headers: Headers): Promise<readonly Finding[]> {
  const unsigned = await holder.askUnsigned({ headers, body: NO_SUCH_CALL });
  if (!asksForSignature(unsigned)) return [judgeCall(unsigned), unsignedCall(unsigned)];
  const denied = ok('unsigned_call', `A call without a signature is denied with ${unsigned.status}.`);
  if (!holder.signs) {
    return [...skipped(['unknown_tool'], 'calls must be signed, and no key was given with --directory'), denied];
  }
  const signed = await holder.ask({ headers, body: NO_SUCH_CALL });
  if (asksForSignature(signed)) {
    return [...skipped(['unknown_tool'], 'calls must be signed, and the signature is not accepted'), denied];
  }
  return [judgeCall(signed), denied];
}

function unsignedCall({ status }: Answer): Finding {
  const check = 'unsigned_call';
  const text = 'Calls without a signature are let through, at least of tools that do not ask for one.';
  const fix = "set requireSignature for sensitive tools, or verifySignature's mode to 'calls'";
  return broken(check, status) ?? note(check, text, fix);
}

function judgeCall(answer: Answer): Finding {
  const check = 'unknown_tool';
  if (codeIn(answer) === 'tool_undefined') return ok(check, 'A tool that is not defined is denied.');
  const seen = isToolError(answer) ? 'reached the MCP server' : `was answered with ${answer.status}`;
  const fix = 'mount authorizeScopes({ tools }): it denies what is not defined';
  return broken(check, answer.status) ?? warning(check, `A call of a tool that nobody defined ${seen}.`, fix);
}

function isToolError(answer: Answer): boolean {
  return answer.status === 200 && ('result' in messageIn(answer) || 'error' in messageIn(answer));
}

/** A session belongs to whoever opened it, and is not a way in for others. */
async function strangerInSession(patient: Patient, session: string): Promise<Finding> {
  const check = 'session';
  const headers = { 'mcp-session-id': session };
  const answer = await ask(patient, { headers, body: messageOf('tools/list', {}) });
  const text = 'A stranger who knows the id of a session is';
  if (isServed(answer)) return failed(check, `${text} served.`, 'check the token of every request');
  return broken(check, answer.status) ?? ok(check, `${text} denied with ${answer.status}.`);
}
