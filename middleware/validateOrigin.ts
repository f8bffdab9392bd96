import type { HttpRequest } from '../lib/context.js';
import { Denial } from '../lib/denial.js';
import { single } from '../lib/headers.js';
import type { Middleware } from '../lib/middleware.js';
import { listOf, optional, readOptions, type Check } from '../lib/options.js';
import { isLoopback } from '../lib/url.js';

declare module '../lib/denial.js' {
  interface DenialCodes {
    origin_denied: 403;
    host_denied: 403;
  }
}

/** Options of `validateOrigin`. */
export interface ValidateOriginOptions {
  /** The public URL of the MCP endpoint. Pages of its own origin are allowed. */
  readonly resource: string;
  /** Further origins whose pages may call, such as `https://inspector.example.com`. Compared exactly. Default: none. */
  readonly allowedOrigins?: readonly string[];
  /**
   * The hosts that `Host` may name, each `host` or `host:port`, as clients write them: without a port where it is that of
   * the scheme. Default: when `resource` is a loopback URL, its loopback names;
   * else `Host` is not looked at, since proxies rewrite it.
   */
  readonly allowedHosts?: readonly string[];
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Requires that no foreign web page is behind the request (MCP 2026-07-28, "Security & Endpoint").
 *
 * A page that rebinds its own name to the address of this server still sends its own `Origin` and `Host`. Requests
 * without `Origin` do not come from a page's script and are let through, whatever address the server listens on.
 *
 * @throws {Denial} 403 `origin_denied`, 403 `host_denied`, 400 `header_duplicate`
 * @throws {TypeError} when an option is not what it must be
 */
export function validateOrigin(options: ValidateOriginOptions): Middleware {
  const {
    resource,
    allowedOrigins = [],
    allowedHosts,
  } = readOptions<ValidateOriginOptions>('validateOrigin', options, {
    resource: url,
    allowedOrigins: optional(listOf(origin)),
    allowedHosts: optional(listOf(host, { least: 1 })),
  });
  const own = new URL(resource);
  const names = isLoopback(own.hostname) ? [...new Set([...LOOPBACK_NAMES, own.hostname])] : undefined;
  const origins = new Set([...sameOrigins(own, names), ...allowedOrigins]);
  const hosts = allowedHosts ?? names?.map((name) => hostOf(own, name));
  const hostSet = hosts === undefined ? undefined : new Set(hosts.map((host) => host.toLowerCase()));
  return {
    name: 'validateOrigin',
    needs: [],
    adds: [],
    run({ request: { headers } }) {
      const from = single(headers, 'origin');
      if (from !== undefined && !origins.has(from)) {
        throw new Denial(403, 'origin_denied', 'The Origin is not allowed');
      }
      if (hostSet === undefined) return {};
      const named = namesIn(headers);
      if (named.length === 0 || !named.every((host) => hostSet.has(host))) {
        throw new Denial(403, 'host_denied', 'The Host is not allowed');
      }
      return {};
    },
  };
}

/** HTTP/2 has a pseudo-header in the place of `Host`, and may have both (RFC 9113 section 8.3.1). */
function namesIn(headers: HttpRequest['headers']): readonly string[] {
  const lines = [single(headers, ':authority'), single(headers, 'host')];
  return lines.flatMap((line) => (line === undefined ? [] : [line.toLowerCase()]));
}

/** All names of the loopback interface are one origin to whoever develops on it. */
function sameOrigins(own: URL, names: readonly string[] | undefined): readonly string[] {
  return names === undefined ? [own.origin] : names.map((name) => `${own.protocol}//${hostOf(own, name)}`);
}

function hostOf({ port }: URL, name: string): string {
  return port === '' ? name : `${name}:${port}`;
}

const url: Check = (value) =>
  typeof value === 'string' && /^https?:\/\//i.test(value) && URL.canParse(value)
    ? undefined
    : 'must be the public http or https URL of the MCP endpoint';

const origin: Check = (value) =>
  typeof value === 'string' && URL.canParse(value) && new URL(value).origin === value
    ? undefined
    : `must be an origin as a browser sends it, such as 'https://app.example.com'`;

/** What else stands there would match nothing, and lock everybody out. */
const host: Check = (value) =>
  typeof value === 'string' && /^[\w.-]+(?::\d+)?$|^\[[\da-f:.]+\](?::\d+)?$/i.test(value) && isWrittenSo(value)
    ? undefined
    : `must be a host, with its port where it is not that of the scheme, such as 'mcp.example.com:8443'`;

/** Whether clients write a host like that. They leave out the port of the scheme that they use. */
function isWrittenSo(value: string): boolean {
  return ['http', 'https'].some((scheme) => {
    const url = `${scheme}://${value}`;
    return URL.canParse(url) && new URL(url).host === value.toLowerCase();
  });
}
