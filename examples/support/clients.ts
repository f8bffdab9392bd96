import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Login } from './login.js';

/** The official clients, as users run them. */
export const CLIENTS = ['client v1', 'client v2 legacy', 'client v2 auto'] as const;
export type ClientKind = (typeof CLIENTS)[number];

/** A connected client. It signs in again when the server asks for more. */
export interface Connection {
  /** The protocol revisions that were agreed on: `legacy` up to 2025-11-25, `modern` from 2026-07-28. */
  readonly era: 'legacy' | 'modern';
  readonly tools: () => Promise<string[]>;
  /** The text a tool answered with. */
  readonly call: (name: string, args?: Record<string, unknown>) => Promise<string>;
  readonly close: () => Promise<void>;
}

interface Link {
  readonly era: () => Connection['era'];
  readonly connect: () => Promise<void>;
  readonly finish: (callback: URL) => Promise<void>;
  readonly tools: () => Promise<string[]>;
  readonly call: (name: string, args: Record<string, unknown>) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

/** Connects an official client, all the way from the first 401. */
export async function connect(
  kind: ClientKind,
  endpoint: string,
  login: Login,
  fetchFn: typeof fetch = fetch,
): Promise<Connection> {
  const open = (): Link => (kind === 'client v1' ? linkV1 : linkV2)(kind, new URL(endpoint), login, fetchFn);
  let link = open();
  const retried = async <Value>(attempt: () => Promise<Value>, fresh = false): Promise<Value> => {
    try {
      return await attempt();
    } catch (error) {
      const callback = await login.finish();
      if (callback === undefined) throw error;
      await link.finish(callback);
      if (fresh) link = open();
      return attempt();
    }
  };
  await retried(() => link.connect(), true);
  return {
    era: link.era(),
    tools: () => link.tools(),
    call: async (name, args = {}) => textOf(await retried(() => link.call(name, args))),
    close: () => link.close(),
  };
}

function linkV1(_kind: ClientKind, url: URL, { provider }: Login, fetchFn: typeof fetch): Link {
  const client = new ClientV1({ name: 'mcp-etdi-example', version: '1.0.0' });
  const transport = new TransportV1(url, { authProvider: provider, fetch: fetchFn });
  return {
    era: () => 'legacy',
    connect: () => client.connect(transport),
    finish: (callback) => transport.finishAuth(callback.searchParams.get('code') ?? ''),
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: (name, args) => client.callTool({ name, arguments: args }),
    close: () => client.close(),
  };
}

function linkV2(kind: ClientKind, url: URL, { provider }: Login, fetchFn: typeof fetch): Link {
  const mode = kind === 'client v2 auto' ? 'auto' : 'legacy';
  const client = new Client({ name: 'mcp-etdi-example', version: '1.0.0' }, { versionNegotiation: { mode } });
  const transport = new StreamableHTTPClientTransport(url, { authProvider: provider, fetch: fetchFn });
  return {
    era: () => client.getProtocolEra() ?? 'legacy',
    connect: () => client.connect(transport),
    finish: (callback) => transport.finishAuth(callback.searchParams),
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: (name, args) => client.callTool({ name, arguments: args }),
    close: () => client.close(),
  };
}

function textOf(result: unknown): string {
  const { content } = result as { content: readonly { text?: string }[] };
  return content.map(({ text = '' }) => text).join('\n');
}
