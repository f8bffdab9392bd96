import { originOf, targetOf } from '../../../lib/signatures/message.js';
import type { Message, RequestMessage, ResponseMessage } from '../../../lib/signatures/message.js';

export interface ReadMessage<Kind extends Message = Message> {
  readonly message: Kind;
  readonly body: Buffer;
}

/** Reads the text of an HTTP message with LF line ends. The context of RFC 9421: `Host` names the authority. */
export function readMessage(text: string, context: { scheme?: string; request?: RequestMessage } = {}): ReadMessage {
  const [start = '', ...lines] = headOf(text).split(/\n(?![ \t])/);
  const headers: Record<string, string[]> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    (headers[line.slice(0, colon).toLowerCase()] ??= []).push(line.slice(colon + 1));
  }
  const body = Buffer.from(text.slice(headOf(text).length + 2), 'utf8');
  const [first = '', second = ''] = start.split(' ');
  if (first.startsWith('HTTP/')) {
    const message: ResponseMessage = { status: Number(second), headers, request: context.request };
    return { message, body };
  }
  const origin = originOf(`${context.scheme ?? 'https'}://${headers['host']?.[0]?.trim() ?? ''}`);
  return { message: { method: first, target: targetOf(origin, second), headers }, body };
}

export function readRequest(text: string, context: { scheme?: string } = {}): ReadMessage<RequestMessage> {
  const { message, body } = readMessage(text, context);
  if ('status' in message) throw new Error('not a request');
  return { message, body };
}

/** The same message with other header lines in some places. */
export function withHeaders<Kind extends Message>(
  message: Kind,
  headers: Readonly<Record<string, readonly string[]>>,
): Kind {
  return { ...message, headers: { ...message.headers, ...headers } };
}

function headOf(text: string): string {
  const end = text.indexOf('\n\n');
  return end < 0 ? text : text.slice(0, end);
}
