// How a tool calls a tool of another server: with a token that was made for that server, and the call chain.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { chainFetch, contextOf, exchangeToken, isDenial, type KeyStore, type TokenExchange } from '../../lib/index.js';
import type { Settings } from './settings.js';

/** A tool of another server, and what it is called with. */
export interface PeerCall {
  readonly resource: string;
  readonly tool: string;
  readonly args: Record<string, unknown>;
}

/** Calls a tool of another server on account of the call that `source` is of, and returns the text it answers with. */
export type CallPeer = (source: object, call: PeerCall) => Promise<string>;

/** The exchange of user tokens, in the name of one server. */
export function exchangeOf({ name, issuer, clientSecret }: Settings, keys: KeyStore): TokenExchange {
  if (clientSecret !== undefined) return exchangeToken({ issuer, clientId: name, clientSecret });
  // #region exchange
  const exchange = exchangeToken({ issuer, clientId: name, privateKeyJwt: keys.signer('request') });
  // #endregion
  return exchange;
}

/** With the client of SDK v1. */
export function peersV1(exchange: TokenExchange): CallPeer {
  // #region out
  return async (source, { resource, tool, args }) => {
    const { auth, callStack } = contextOf(source, 'auth', 'callStack').state;
    // For that server alone, and with no more than this call may use. The user's token stays here.
    const wanted = { subjectToken: auth.token, resource, scopes: callStack.permissions };
    const { token } = await exchange(wanted);
    const client = new ClientV1({ name: 'peer', version: '1.0.0' });
    const transport = new TransportV1(new URL(resource), {
      requestInit: { headers: { Authorization: `Bearer ${token}` } },
      fetch: chainFetch({ callStack, resource }),
    });
    try {
      await client.connect(transport);
      return textOf(await client.callTool({ name: tool, arguments: args }));
    } finally {
      await client.close();
    }
  };
  // #endregion
}

/** With the client of SDK v2. */
export function peersV2(exchange: TokenExchange): CallPeer {
  return async (source, { resource, tool, args }) => {
    const { auth, callStack } = contextOf(source, 'auth', 'callStack').state;
    const { token } = await exchange({ subjectToken: auth.token, resource, scopes: callStack.permissions });
    return callV2(resource, token, chainFetch({ callStack, resource }), { name: tool, arguments: args });
  };
}

/** What goes wrong with it, on purpose: it asks for all that the user may do, or hands the user's own token on. */
export function carelessPeers(exchange: TokenExchange, habit: 'greedy' | 'leaky'): CallPeer {
  return async (source, { resource, tool, args }) => {
    const { auth, callStack } = contextOf(source, 'auth', 'callStack').state;
    const wide = { subjectToken: auth.token, resource, scopes: auth.scopes };
    const token = habit === 'leaky' ? auth.token : (await exchange(wide)).token;
    return callV2(resource, token, chainFetch({ callStack, resource }), { name: tool, arguments: args });
  };
}

async function callV2(
  resource: string,
  token: string,
  send: typeof fetch,
  call: { readonly name: string; readonly arguments: Record<string, unknown> },
): Promise<string> {
  const client = new Client({ name: 'peer', version: '1.0.0' });
  const requestInit = { headers: { Authorization: `Bearer ${token}` } };
  try {
    await client.connect(new StreamableHTTPClientTransport(new URL(resource), { requestInit, fetch: send }));
    return textOf(await client.callTool(call));
  } finally {
    await client.close();
  }
}

function textOf(result: unknown): string {
  const { content } = result as { content: readonly { text?: string }[] };
  return content.map(({ text = '' }) => text).join('\n');
}

/** The code with which a call was denied, here or by the other server. Anything else is thrown again. */
export function denialOf(error: unknown): string {
  if (isDenial(error)) return error.code;
  const { data } = error as { data?: { code?: unknown } };
  const code = typeof data?.code === 'string' ? data.code : /"code":"(\w+)"/.exec(String(error))?.[1];
  if (code === undefined) throw error;
  return code;
}
