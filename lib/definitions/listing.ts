import type { HttpRequest } from '../context.js';
import { isObject, type OutgoingMessage, type RpcMessage } from '../rpc.js';

type Result = Readonly<Record<string, unknown>>;

type Asked = Pick<HttpRequest, 'messages' | 'headers'>;

/** A page of tools on its way to a client. */
export interface ToolList extends Result {
  readonly tools: readonly unknown[];
}

/**
 * The page of tools that an outgoing message holds, or nothing when it is any other message.
 * @param request the one on whose response it leaves
 */
export function toolListOf(request: Asked, message: OutgoingMessage): ToolList | undefined {
  const { result, id } = message;
  if (!isToolList(result) || Object.hasOwn(message, 'method')) return undefined;
  if (answersList(request.messages ?? [], id)) return result;
  // Nothing tells what else it is an answer to, but what it looks like.
  return bringsOtherAnswers(request) && !Object.hasOwn(result, 'content') ? result : undefined;
}

/** Whether some message of the response to a request may hold a page of tools. */
export function mayHoldToolList(request: Asked): boolean {
  return bringsOtherAnswers(request) || request.messages?.some(isList) === true;
}

/** An id that came back in another spelling is no way around: only an answer to something else is left alone. */
function answersList(messages: readonly RpcMessage[], id: unknown): boolean {
  const requests = messages.filter((one) => one.kind === 'request');
  const lists = requests.filter(isList);
  return lists.some((one) => one.id === id) || (lists.length > 0 && !requests.some((one) => one.id === id));
}

/**
 * Whether a response may bring answers to other requests. A stream that was opened by GET does. In a session transports
 * find the stream of an answer by its id alone: where one is used twice at a time, a list leaves on the response to
 * something else.
 */
function bringsOtherAnswers({ messages, headers }: Asked): boolean {
  return messages === undefined || messages.length === 0 || headers['mcp-session-id'] !== undefined;
}

function isList(message: RpcMessage): boolean {
  return message.kind === 'request' && message.method === 'tools/list';
}

function isToolList(result: unknown): result is ToolList {
  return isObject(result) && Array.isArray(result['tools']);
}
