import { request as overHttp, type IncomingMessage } from 'node:http';
import { request as overHttps } from 'node:https';
import { escapeText } from '../../lib/text.js';
import { isObject } from '../../lib/rpc.js';

/** How to reach the server that is looked at. */
export interface Patient {
  readonly url: URL;
  /** Sent with every request, such as what a gateway in front asks for. Never a token. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface Question {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Default: the MCP endpoint. */
  readonly url?: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Every `WWW-Authenticate` line in one. */
  readonly challenge: string;
  readonly body: string;
}

/** More of a body is not read. */
const MAX_BODY = 262_144;
const CLIENT = { name: 'mcp-etdi-doctor', version: '1' };

/** The first thing that clients of earlier revisions send: it changes nothing, and any server answers it. */
export const HELLO: string = messageOf('initialize', {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: CLIENT,
});

/** A call of a tool that no server has. */
export const NO_SUCH_CALL: string = messageOf('tools/call', { name: 'mcp_etdi_doctor_no_such_tool', arguments: {} });

/** One JSON-RPC request. */
export function messageOf(method: string, params: object): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
}

/**
 * Sends one request and reads the answer, up to a bound. `fetch` would not do: it lets nobody choose the `Host`.
 * @throws {Error} when nobody answers in time
 */
export async function ask(patient: Patient, question: Question = {}): Promise<Answer> {
  const { method = 'POST', url = patient.url, body = method === 'POST' ? HELLO : undefined } = question;
  const headers = {
    ...patient.headers,
    accept: 'application/json, text/event-stream',
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    ...question.headers,
  };
  const signal = AbortSignal.timeout(patient.timeoutMs);
  const send = url.protocol === 'https:' ? overHttps : overHttp;
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      const reason = signal.aborted ? 'nothing came in time' : escapeText(cause.message);
      reject(new Error(`no answer from ${url.origin}: ${reason}`, { cause }));
    };
    send(url, { method, headers, signal, agent: false }, (response) => {
      const { statusCode: status = 0, headers: received } = response;
      const challenge = received['www-authenticate'] ?? '';
      readBody(response, (text) => {
        resolve({ status, headers: received, challenge, body: text });
      });
      response.once('error', fail);
    })
      .once('error', fail)
      .end(body);
  });
}

/** An event stream may stay open, so the first event is enough. */
function readBody(response: IncomingMessage, done: (text: string) => void): void {
  const streams = response.headers['content-type']?.startsWith('text/event-stream') === true;
  let text = '';
  const finish = (): void => {
    done(text);
    response.destroy();
  };
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    if (text.length > MAX_BODY || (streams && /\r?\n\r?\n/.test(text))) finish();
  });
  response.once('end', finish);
}

/** The JSON-RPC message of an answer, be it JSON or the first event of a stream. */
export function messageIn({ body }: Answer): Readonly<Record<string, unknown>> {
  const data = /^data: ?(\{.*)$/m.exec(body)?.[1] ?? body;
  try {
    const value: unknown = JSON.parse(data);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** The stable code that checks of this package put into their errors. */
export function codeIn(answer: Answer): string | undefined {
  const { error } = messageIn(answer);
  const data = isObject(error) ? error['data'] : undefined;
  const code = isObject(data) ? data['code'] : undefined;
  return typeof code === 'string' ? escapeText(code, 64) : undefined;
}

/** Whether a request was denied because it is not signed, or not by a key that counts. */
export function asksForSignature({ status, headers }: Answer): boolean {
  return status >= 400 && headers['accept-signature'] !== undefined;
}

/** One parameter of a challenge (RFC 9110 section 11.2), as far as servers write them. */
export function parameterOf(challenge: string, name: string): string | undefined {
  return new RegExp(`(?:^|[ ,])${name}="([^"]*)"`, 'i').exec(challenge)?.[1];
}
