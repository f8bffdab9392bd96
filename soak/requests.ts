// The parts that requests are made of.
import { randomUUID } from 'node:crypto';
import { CALL_CHAIN, signCallChain, signRequest, type HopToSign } from '../lib/testing.js';
import type { Signer } from '../lib/index.js';
import { REPORTS, RESOURCE } from './fixture.js';
import type { Outgoing } from './send.js';
import type { World } from './world.js';

type Headers = Readonly<Record<string, string>>;
type Claims = Readonly<Record<string, unknown>>;

const JSON_HEADERS = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };
const USERS = 40;
let count = 0;

const SCOPE = 'mcp data:read';
/** One user after the other. */
export const nextUser = (): string => `user-${(count += 1) % USERS}`;
/** The claims of a user of the agent. */
export const user = (sub: string = nextUser(), scope = SCOPE): Claims => ({ sub, client_id: 'agent', scope });
/** The claims of the server whose tools call tools here. */
export const reports: Claims = { sub: 'reports', client_id: 'reports', scope: SCOPE };

export const rpc = (id: string, method: string, params: object = {}): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method, params });
export const list = (id: string): string => rpc(id, 'tools/list');
export const call = (id: string, name = 'read', more: object = {}): string =>
  rpc(id, 'tools/call', { name, arguments: { text: id }, ...more });

export const bearer = (token: string, more: Headers = {}): Headers => ({
  ...JSON_HEADERS,
  authorization: `Bearer ${token}`,
  ...more,
});

/** A token that is bound to a key, as the proof of it needs it to be sent. */
export async function proven(
  { authority, prover }: World,
  { url = RESOURCE, by = prover, claims = user() } = {},
): Promise<Headers> {
  const token = await authority.token({ ...claims, cnf: { jkt: prover.jkt } });
  return { ...JSON_HEADERS, authorization: `DPoP ${token}`, dpop: await by.proof({ url, token }) };
}

/** A POST that a key signs. */
export async function signed(
  signer: Signer,
  headers: Headers,
  body: string,
  more: { readonly method?: string; readonly created?: number; readonly expires?: number } = {},
): Promise<Outgoing> {
  const { method = 'POST', ...times } = more;
  const content = method === 'POST' ? { body } : {};
  const all = await signRequest({ method, url: RESOURCE, headers, ...content }, { signer, ...times });
  return { method, headers: all, ...content };
}

/** A call of a user, signed by the agent, and well in every way. */
export async function goodCall(
  world: World,
  id: string,
  more: object = {},
  claims: Claims = user(),
): Promise<Outgoing> {
  const token = await world.authority.token(claims);
  return signed(world.agent.signer('request'), bearer(token), call(id, 'read', more));
}

/** A call chain of the other server for the call that has this id. */
export function chainFor(world: World, id: string, more: Partial<HopToSign> = {}): Promise<string[]> {
  const about = { issuer: REPORTS, resource: RESOURCE, tool: 'read', caller: `report-${randomUUID()}` };
  return signCallChain([
    { ...about, signer: world.reports, arguments: { text: id }, permissions: ['data:read'], ...more },
  ]);
}

/** A call by the other server, with this chain. */
export async function chained(
  world: World,
  id: string,
  chain: readonly string[],
  args: object = {},
): Promise<Outgoing> {
  const token = await world.authority.token(reports);
  const body = call(id, 'read', { arguments: args, _meta: { [CALL_CHAIN]: chain } });
  return signed(world.reports, bearer(token), body);
}
