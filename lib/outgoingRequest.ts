/** A request that is about to be sent, whatever form `fetch` got it in. */
export interface OutgoingRequest {
  readonly method: string;
  readonly headers: Headers;
  /** Every byte that is sent. */
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  /** What else was asked of `fetch`. */
  readonly rest: RequestInit;
}

/** Where a request goes. Without a `?` at its end: some releases of `fetch` send it, and some do not. */
export function urlOf(input: string | URL | Request): URL {
  const url = new URL(isRequest(input) ? input.url : input);
  if (url.search === '') url.search = '';
  return url;
}

/** Its headers, without touching its body. */
export function headersOf(input: string | URL | Request, init: RequestInit = {}): Headers {
  return new Headers(init.headers ?? (isRequest(input) ? input.headers : undefined));
}

/**
 * Reads a request: `fetch` takes one as its first argument, and parts of it as its second. A redirect is not followed:
 * what was made for one URL proves nothing at another, and is nothing for its eyes.
 * @throws {TypeError} when the body is a stream
 */
export async function readRequest(
  label: string,
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<OutgoingRequest> {
  const { method, headers, body, ...others } = init;
  if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) {
    throw new TypeError(`${label}: a body must not be a stream: all of it is read before it is sent`);
  }
  // It settles what the many forms of these come to, and the content type that goes without saying.
  const request = new Request(input, {
    ...(method === undefined ? {} : { method }),
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body }),
  });
  const rest = { ...(isRequest(input) ? settingsOf(input) : {}), ...others };
  return {
    method: request.method,
    headers: request.headers,
    body: request.body === null ? undefined : new Uint8Array(await request.arrayBuffer()),
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
