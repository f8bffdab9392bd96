import { isObject, type OutgoingMessage, type RpcMessage } from '../rpc.js';

type Result = Readonly<Record<string, unknown>>;

/** A page of tools on its way to a client. */
export interface ToolList extends Result {
  readonly tools: readonly unknown[];
}

/**
 * The page of tools that an outgoing message holds, or nothing when it is any other message.
 * @param messages those of the request it answers; empty for a stream that was opened by GET, where earlier answers
 *   are sent again
 */
export function toolListOf(
  messages: readonly RpcMessage[] | undefined,
  message: OutgoingMessage,
): ToolList | undefined {
  const { result, id } = message;
  if (!isToolList(result) || Object.hasOwn(message, 'method') || !mayHoldToolList(messages)) return undefined;
  // Nothing tells what an answer that is sent again was an answer to, but what it looks like.
  if (messages === undefined || messages.length === 0) return Object.hasOwn(result, 'content') ? undefined : result;
  const requests = messages.filter((one) => one.kind === 'request');
  const lists = requests.filter(({ method }) => method === 'tools/list');
  // An id that came back in another spelling is no way around: only an answer to something else is left alone.
  const answersOther = requests.some((one) => one.method !== 'tools/list' && one.id === id);
  const answersList = lists.some((one) => one.id === id) || !answersOther;
  return answersList ? result : undefined;
}

/** Whether some message of the response to these may hold a page of tools. */
export function mayHoldToolList(messages: readonly RpcMessage[] | undefined): boolean {
  if (messages === undefined || messages.length === 0) return true;
  return messages.some((one) => one.kind === 'request' && one.method === 'tools/list');
}

function isToolList(result: unknown): result is ToolList {
  return isObject(result) && Array.isArray(result['tools']);
}
