import { isObject, type OutgoingMessage } from '../rpc.js';

/** Makes of one outgoing message what the client gets. The same object means: leave it as it is. */
export type Rewrite = (message: OutgoingMessage) => Promise<OutgoingMessage>;

/**
 * Rewrites a JSON-RPC message, or each message of a batch, and gives the new JSON text.
 * Resolves to nothing when all messages stay as they are.
 */
export async function rewriteParsed(parsed: unknown, rewrite: Rewrite): Promise<string | undefined> {
  const before: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  const after: unknown[] = [];
  for (const message of before) after.push(isObject(message) ? await rewrite(message) : message);
  if (after.every((message, index) => message === before[index])) return undefined;
  return JSON.stringify(Array.isArray(parsed) ? after : after[0]);
}
