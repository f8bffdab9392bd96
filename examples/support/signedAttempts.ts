import { fakeSigner, signRequest, type SignRequestOptions } from '../../lib/testing.js';
import { claimsOf, describe, JSON_HEADERS } from './attempts.js';
import type { DevelopmentKeys } from './agent.js';
import { connect } from './clients.js';
import { asUser } from './login.js';
import type { Row } from './report.js';
import type { Running } from './run.js';
import { send, type Wire } from './send.js';

type Headers = Record<string, string>;

const INVALID = '403 signature_invalid';
const CALL = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'sign_off', arguments: { report: 'q3.pdf' } },
});

/** What becomes of calls of the tool that must be signed: right ones, and each with one thing wrong. */
export async function signedAttempts(
  { resource, authorizationServer }: Running,
  keys: DevelopmentKeys,
): Promise<Row[]> {
  const signer = keys.agent.signer('request');
  const now = Math.floor(Date.now() / 1000);
  const token = (subject: string): Promise<string> =>
    authorizationServer.sign({ ...claimsOf(authorizationServer, resource), sub: subject });
  const headers = { ...JSON_HEADERS, Authorization: `Bearer ${await token('demo-user')}` };
  const sign = (options: Partial<SignRequestOptions> = {}): Promise<Headers> =>
    signRequest({ url: resource, headers, body: CALL }, { signer, ...options });

  const stranger = await fakeSigner();
  const known = await signer.current();
  const forged = { current: async () => ({ ...(await stranger.current()), keyId: known.keyId }) };
  const traversal = { current: () => Promise.resolve({ ...known, keyId: '../../../etc/passwd' }) };
  const used = await sign();
  const attempts: readonly (readonly [string, Wire, string])[] = [
    ['unsigned', { headers, body: CALL }, '403 signature_required'],
    ['signed', { headers: used, body: CALL }, '200'],
    ['signed, and sent once more', { headers: used, body: CALL }, INVALID],
    ['signed, then the body changed', { headers: await sign(), body: CALL.replace('q3', 'q4') }, INVALID],
    ['signed, then the target changed', { headers: await sign(), body: CALL, query: '?admin' }, INVALID],
    ['signed, then the token swapped', { headers: await swapped(sign(), token('victim')), body: CALL }, INVALID],
    ['signed too long ago', { headers: await sign({ created: now - 120 }), body: CALL }, INVALID],
    ['signed in the future', { headers: await sign({ created: now + 120 }), body: CALL }, INVALID],
    ['signed with a wrong key', { headers: await sign({ signer: forged }), body: CALL }, INVALID],
    ['signed with an unknown key', { headers: await sign({ signer: stranger }), body: CALL }, INVALID],
    ['signed with a key id that is a path', { headers: await sign({ signer: traversal }), body: CALL }, INVALID],
  ];
  const rows: Row[] = [];
  for (const [what, wire, expected] of attempts) {
    rows.push({ what: `a call ${what}`, expected, got: describe(await send(resource, wire)) });
  }
  return [...rows, ...(await refreshes({ resource, authorizationServer }))];
}

/** A client that is denied a signed tool must not take that for a bad token. */
async function refreshes({
  resource,
  authorizationServer,
}: Pick<Running, 'resource' | 'authorizationServer'>): Promise<Row[]> {
  const rows: Row[] = [];
  for (const kind of ['client v1', 'client v2 legacy', 'client v2 auto'] as const) {
    const client = await connect(kind, resource, asUser(authorizationServer));
    const before = authorizationServer.tokenRequests();
    const got = await client.call('sign_off', { report: 'q3.pdf' }).then(
      () => 'allowed',
      () => `denied, ${authorizationServer.tokenRequests() - before} tokens asked for`,
    );
    await client.close();
    rows.push({ what: `${kind}: calls unsigned what must be signed`, expected: 'denied, 0 tokens asked for', got });
  }
  return rows;
}

async function swapped(signed: Promise<Headers>, token: Promise<string>): Promise<Headers> {
  return { ...(await signed), authorization: `Bearer ${await token}` };
}
