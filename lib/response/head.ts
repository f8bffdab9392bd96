import type { ServerResponse } from 'node:http';

type HeaderValue = number | string | readonly string[];

const EVENT_STREAM = /^[ \t]*text\/event-stream[ \t]*(?:;|$)/i;
const JSON_BODY = /^[ \t]*application\/json[ \t]*(?:;|$)/i;

/** Whether the response says that it is a stream of server-sent events. */
export function isEventStream(res: ServerResponse): boolean {
  return EVENT_STREAM.test(contentType(res));
}

/** Whether the response says that it is JSON. */
export function isJson(res: ServerResponse): boolean {
  return JSON_BODY.test(contentType(res));
}

/** Whether the body is sent as it is, so that it can be read here. */
export function isIdentity(res: ServerResponse): boolean {
  const coding = res.getHeader('content-encoding');
  return coding === undefined || coding === 'identity';
}

/**
 * A `Cache-Control` that keeps a response out of caches, whatever else it says. The rest of it stays: it may be about more
 * than caches, such as `no-transform`.
 */
export function withNoStore(own: ReturnType<ServerResponse['getHeader']>): string {
  const directives = [own ?? []].flat().join(', ');
  if (/(?:^|,)[ \t]*no-store[ \t]*(?:,|$)/i.test(directives)) return directives;
  return directives === '' ? 'no-store' : `${directives}, no-store`;
}

/**
 * Moves what a handler passed to `writeHead` into the response, where hooks can see and change it.
 * @throws what Node throws for a status or a header that cannot be sent
 */
export function applyHead(res: ServerResponse, status: number, rest: readonly unknown[]): void {
  if (!(status >= 100 && status <= 999)) {
    throw Object.assign(new RangeError(`Invalid status code: ${status}`), { code: 'ERR_HTTP_INVALID_STATUS_CODE' });
  }
  const [first, second] = rest;
  // Mostly it is that already, and to write a property of a response takes longer than to read it.
  if (res.statusCode !== status) res.statusCode = status;
  if (typeof first === 'string') res.statusMessage = first;
  const headers = typeof first === 'string' ? second : first;
  if (Array.isArray(headers)) applyPairs(res, pairsOf(headers));
  else for (const [name, value] of Object.entries(headers ?? {})) res.setHeader(name, value as HeaderValue);
}

/** Node takes a flat list of names and values, or a list of pairs. Either may name a header several times. */
function pairsOf(headers: readonly unknown[]): readonly (readonly [string, string | string[]])[] {
  if (Array.isArray(headers[0])) return headers as [string, string | string[]][];
  return headers.flatMap((name, index) =>
    index % 2 === 0 ? [[name as string, headers[index + 1] as string | string[]] as const] : [],
  );
}

function applyPairs(res: ServerResponse, pairs: ReturnType<typeof pairsOf>): void {
  for (const [name] of pairs) res.removeHeader(name);
  for (const [name, value] of pairs) res.appendHeader(name, value);
}

function contentType(res: ServerResponse): string {
  const value = res.getHeader('content-type');
  return typeof value === 'string' ? value : String(value ?? '');
}
