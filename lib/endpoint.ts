import { linesOf } from './headers.js';
import { assertHeaders, replyTo, verdictOf } from './reply.js';
import { reportError } from './report.js';

/** A read-only document that this package serves, such as protected resource metadata or a key set. */
export interface Endpoint {
  /** The exact paths it answers, on the host itself and not below a mount. */
  readonly paths: readonly string[];
  readonly handle: (request: EndpointRequest) => EndpointResponse | Promise<EndpointResponse>;
}

export interface EndpointRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, readonly string[] | undefined>>;
}

export interface EndpointResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The scheme and authority of an absolute-form request target (RFC 9112 section 3.2.2). */
const ORIGIN = /^https?:\/\/[^/?#]*/i;

/** Answers from the endpoint that owns the path, or with nothing when none does. A failure is a constant 500 or 503. */
export async function answer(
  endpoints: readonly Endpoint[],
  method: string,
  target: string,
  rawHeaders: readonly string[],
): Promise<EndpointResponse | undefined> {
  const path = target.replace(ORIGIN, '').split('?', 1)[0] ?? '';
  const endpoint = endpoints.find(({ paths }) => paths.includes(path));
  if (endpoint === undefined) return undefined;
  try {
    const response = await endpoint.handle({ method, path, headers: linesOf(rawHeaders) });
    assertHeaders(response.headers);
    return response;
  } catch (error) {
    const verdict = verdictOf(error);
    if (verdict !== error) reportError(error, path);
    return replyTo(verdict, { messages: undefined, batch: false }, 'http');
  }
}

/**
 * @throws {TypeError} when an entry is not an endpoint, or two own the same path
 */
export function assertEndpoints(adapter: string, endpoints: readonly Endpoint[]): void {
  const seen = new Set<string>();
  for (const endpoint of endpoints) {
    if (!isEndpoint(endpoint)) {
      throw new TypeError(`${adapter}: pass what a factory such as protectedResource({ ... }) returns`);
    }
    for (const path of endpoint.paths) {
      if (seen.has(path)) throw new TypeError(`${adapter}: two endpoints own the path '${path}'`);
      seen.add(path);
    }
  }
}

function isEndpoint(value: unknown): value is Endpoint {
  if (typeof value !== 'object' || value === null) return false;
  const { paths, handle } = value as Partial<Endpoint>;
  return Array.isArray(paths) && typeof handle === 'function';
}
