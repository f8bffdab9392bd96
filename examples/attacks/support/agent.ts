// An agent with an official client. It stands in for a model: it takes every description at its word.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { guardClient, ToolDenied, toolVerifier } from '../../../client/index.js';
import type { World } from './world.js';

const REPORT = 'the report';
const KEY = 'the private key';

export async function plainClient(url: string): Promise<Client> {
  const client = new Client({ name: 'agent', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return client;
}

/** The same client, guarded. `willing` is what the user answers when asked. */
export async function guardedClient(world: World, url: string, willing: boolean): Promise<Client> {
  const { publishers, approvals } = world;
  // #region guard
  const verifier = toolVerifier({ server: url, publishers, approvals });
  const client = guardClient(await plainClient(url), { verifier, approve: () => willing });
  // #endregion
  return client;
}

/** What became of a piece of work. */
export interface Outcome {
  readonly result: string;
  /** What differs from the approved tool. */
  readonly diff: readonly string[];
}

/** Has a report summarized. */
export async function work(client: Client, loot: readonly string[]): Promise<Outcome> {
  const before = loot.length;
  const { result, diff } = await attempt(client);
  const taken = loot.slice(before);
  await client.close();
  return { result: taken.length === 0 ? result : `${result}, and the attacker has ${taken.join(', ')}`, diff };
}

async function attempt(client: Client): Promise<Outcome> {
  try {
    const { tools } = await client.listTools();
    const described = tools.find(({ name }) => name === 'summarize')?.description ?? '';
    const text = described.includes('id_rsa') ? KEY : REPORT;
    await client.callTool({ name: 'summarize', arguments: { text } });
    return { result: 'answered', diff: [] };
  } catch (error) {
    if (!(error instanceof ToolDenied)) throw error;
    return { result: `denied ${error.code}`, diff: error.verdict.diff };
  }
}
