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

/** Answers from the endpoint that owns the path, or with nothing when none does. A failure is a constant 500. */
export async function answer(
  endpoints: readonly Endpoint[],
  method: string,
  target: string,
  headers: EndpointRequest['headers'],
): Promise<EndpointResponse | undefined> {
  const path = target.split('?', 1)[0] ?? '';
  const endpoint = endpoints.find(({ paths }) => paths.includes(path));
  if (endpoint === undefined) return undefined;
  try {
    return await endpoint.handle({ method, path, headers });
  } catch {
    return { status: 500, headers: { 'Content-Type': 'application/json' }, body: '{"error":"server_error"}' };
  }
}

/**
 * @throws {TypeError} when an entry is not an endpoint, or two own the same path
 */
export function assertEndpoints(adapter: string, endpoints: readonly Endpoint[]): void {
  const seen = new Set<string>();
  for (const endpoint of endpoints) {
    const { paths, handle } = (endpoint as Partial<Endpoint> | undefined) ?? {};
    if (!Array.isArray(paths) || typeof handle !== 'function') {
      throw new TypeError(`${adapter}: pass what a factory such as protectedResource({ ... }) returns`);
    }
    for (const path of paths as string[]) {
      if (seen.has(path)) throw new TypeError(`${adapter}: two endpoints own the path '${path}'`);
      seen.add(path);
    }
  }
}
