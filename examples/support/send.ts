import { once } from 'node:events';
import { request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';

/** A request as it goes over the wire, right or wrong. */
export interface Wire {
  /** Default: `POST`. */
  readonly method?: string;
  /** A list stands for a header that is sent several times. */
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  /** Added to the URL, as in `?x=y`. */
  readonly query?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Sends a request as it is, and reads the whole answer. `fetch` would correct too much on the way. */
export async function send(url: string, { method = 'POST', headers = {}, body, query = '' }: Wire): Promise<Answer> {
  const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
  const sent = request(`${url}${query}`, { method, headers: { ...length, ...headers }, agent: false });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  // An answer may come before everything was sent, and the rest then has nowhere to go.
  sent.on('error', () => undefined);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() };
}
