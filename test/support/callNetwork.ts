// Servers that call each other's tools, without sockets: what one sends is handed to the guard of another.
import { isDenial, type Access, type RequestContext } from '../../lib/index.js';
import type { CallStack } from '../../lib/callchain/callStack.js';
import { chainFetch } from '../../lib/callchain/chainFetch.js';
import type { Signature } from '../../lib/signatures/signature.js';
import { fakeContext, fakeSigner, type FakeRequest, type FakeSigner } from '../../lib/testing.js';
import { defineTools } from '../../lib/tools/defineTools.js';
import type { ToolPolicy } from '../../lib/tools/policies.js';
import { callStackGuard, type CallStackGuardOptions } from '../../middleware/callStackGuard.js';

type Facts = RequestContext['state'];
type Trusted = NonNullable<CallStackGuardOptions['trust']>[number];

/** What a network is made of. Everything has a default. */
export interface Member {
  readonly tools?: Readonly<Record<string, ToolPolicy>>;
  readonly mayRoot?: boolean;
  readonly guard?: Partial<CallStackGuardOptions>;
}

/** One server of a network. */
export interface Server {
  readonly resource: string;
  readonly signer: FakeSigner;
  /** As others trust it. */
  readonly trusted: Trusted;
  /** What the guard makes of a call: the stack, or the code of its denial. */
  readonly receive: (params: object, state?: Facts) => Promise<CallStack | string>;
  /** The stack of a call that an ordinary client makes. */
  readonly start: (tool: string, args?: object) => Promise<CallStack>;
}

/** A context in which any facts may be proven. */
export function contextWith(fake: FakeRequest): RequestContext {
  return fakeContext(fake);
}

/** Rights of a caller who may do anything that is asked in a test. */
export const ALL_RIGHTS: Access = { may: () => 'yes', required: [], granted: ['*'] };

/** A proven caller who is in nobody's trust. */
export function client(clientId = 'agent', subject = 'alice'): Facts {
  const about = { issuer: 'https://issuer.example', subject, clientId, scopes: [], roles: [] };
  const auth = { ...about, resource: 'https://x.example', expiresAt: 2e9, token: 't0ken', claims: {} };
  return { auth, access: ALL_RIGHTS };
}

/** A caller who is proven to be the owner of a signing key. */
export function signedBy(owner: string): Facts {
  const key = { keyId: 'k', algorithm: 'ES256', clientId: owner, mayRoot: false };
  const signature: Signature = { ...key, owner, created: 0, expires: 0, nonce: 'n', components: [] };
  return { signature, access: ALL_RIGHTS };
}

export const urlOf = (name: string): string => `https://${name}.example/mcp`;

/** Servers by name, each of which trusts all others and itself. */
export async function network<Name extends string>(
  members: Readonly<Record<Name, Member>>,
  common: Partial<CallStackGuardOptions> = {},
): Promise<Readonly<Record<Name, Server>>> {
  const entries = Object.entries(members) as [Name, Member][];
  const peers = await Promise.all(
    entries.map(async ([name, { mayRoot = true }]) => {
      const signer = await fakeSigner();
      return { name, signer, trusted: { owner: urlOf(name), mayRoot, jwks: signer.jwks } };
    }),
  );
  const trust = peers.map(({ trusted }) => trusted);
  const servers = entries.map(([name, { tools = {}, guard: more = {} }], index) => {
    const { signer, trusted } = peers[index]!;
    const resource = urlOf(name);
    const guard = callStackGuard({
      tools: defineTools(tools),
      identity: { resource, signer },
      trust,
      ...common,
      ...more,
    });
    const receive: Server['receive'] = async (params, state = client()) => {
      const ctx = contextWith({ body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params }, state });
      try {
        const { callStack } = await guard.run(ctx);
        return callStack ?? 'nothing';
      } catch (error) {
        if (isDenial(error)) return error.code;
        throw error;
      }
    };
    const start: Server['start'] = async (tool, args) => {
      const stack = await receive({ name: tool, arguments: args });
      if (typeof stack === 'string') throw new Error(`${tool}: ${stack}`);
      return stack;
    };
    return [name, { resource, signer, trusted, receive, start } satisfies Server] as const;
  });
  return Object.fromEntries(servers) as Record<Name, Server>;
}

/**
 * Calls a tool of another server with `chainFetch`.
 * @returns the stack there, or the code of a denial, be it here or there
 */
export async function callAcross(
  from: CallStack,
  sender: string,
  to: Server,
  tool: string,
  args?: object,
): Promise<CallStack | string> {
  let received: CallStack | string = 'nothing was sent';
  const send = chainFetch({
    callStack: from,
    resource: to.resource,
    fetch: async (_url, init) => {
      const { params } = JSON.parse(init?.body as string) as { params: object };
      received = await to.receive(params, signedBy(sender));
      return new Response(null, { status: 202 });
    },
  });
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: args } });
  try {
    await send(to.resource, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  } catch (error) {
    if (isDenial(error)) return `unsent ${error.code}`;
    throw error;
  }
  return received;
}
