/** A request that is about to be sent, taken apart. */
export interface Outgoing {
  readonly method: string;
  /** A copy, to be changed. */
  readonly headers: Headers;
  /** Every byte that is sent. */
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  /** The same as it was given where that is a text, for what looks at it on its way. */
  readonly content: string | Uint8Array<ArrayBuffer> | undefined;
  /** What else was asked of `fetch`. */
  readonly rest: RequestInit;
}

/** Where the arguments of `fetch` lead. */
export function urlOf(input: string | URL | Request): URL {
  return new URL(isRequest(input) ? input.url : input);
}

/** The headers that the arguments of `fetch` come to, as far as they are given. */
export function headersOf(input: string | URL | Request, init: RequestInit = {}): Headers {
  return new Headers(init.headers ?? (isRequest(input) ? input.headers : undefined));
}

/**
 * Takes apart what `fetch` takes: a request as its first argument, and parts of it as its second. Redirects are not
 * followed, since what proves a request to one URL proves nothing at another.
 * @throws {TypeError} for a body that is a stream, saying what it `needs` instead
 */
export async function readOutgoing(
  input: string | URL | Request,
  init: RequestInit = {},
  needs: string,
): Promise<Outgoing> {
  const { method, headers, body, ...others } = init;
  if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) throw new TypeError(needs);
  // It settles what the many forms of these come to, and the content type that goes without saying.
  const request = new Request(input, {
    ...(method === undefined ? {} : { method }),
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body }),
  });
  const rest = { ...(isRequest(input) ? settingsOf(input) : {}), ...others };
  const bytes = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
  return {
    method: request.method,
    headers: request.headers,
    body: bytes,
    content: typeof body === 'string' ? body : bytes,
    rest: { ...rest, redirect: rest.redirect === 'error' ? 'error' : 'manual' },
  };
}

function isRequest(input: string | URL | Request): input is Request {
  return typeof input === 'object' && 'url' in input;
}

function settingsOf(request: Request): RequestInit {
  const { credentials, integrity, keepalive, mode, redirect, referrer, referrerPolicy, signal } = request;
  return { credentials, integrity, keepalive, mode, redirect, referrer, referrerPolicy, signal };
}
