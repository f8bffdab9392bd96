import { readDPoPOptions, type DPoPOptions } from './dpop/options.js';
import type { Endpoint, EndpointRequest, EndpointResponse } from './endpoint.js';
import { jwksEndpoint, type PublishedKeys } from './keys/jwksEndpoint.js';
import { flag, listOf, object, optional, readOptions, text, type Check } from './options.js';
import { isScope } from './tokens/scope.js';
import { metadataUrl, secureUrl } from './url.js';

export interface ProtectedResourceOptions {
  /**
   * The public URL of the MCP endpoint, as clients are told to type it. It is published as it is written here, since
   * clients compare it with theirs.
   */
  readonly resource: string;
  /** The issuer of each authorization server whose tokens are accepted, exactly as it calls itself. At least one. */
  readonly authorizationServers: readonly string[];
  /** The scopes that basic use takes: no complete list, and never `offline_access`. Default: not published. */
  readonly scopes?: readonly string[];
  /** What people call this server. Default: not published. */
  readonly name?: string;
  /** A page for developers. Default: not published. */
  readonly documentation?: string;
  /**
   * Whether the document is served at `/.well-known/oauth-protected-resource` as well, without the path of the
   * resource. Only one resource of a host can be: set it to false for the others. Default: true.
   */
  readonly root?: boolean;
  /** The `dpop` option of `authenticate`, of which clients must know mode and algorithms. Default: that of `authenticate`. */
  readonly dpop?: DPoPOptions;
  /** Whether access tokens are bound to the client certificate of their caller (RFC 8705 section 3.3). Default: not published. */
  readonly certificateBoundTokens?: boolean;
  /** The keys that this server signs with: `openKeyStore({ ... })`, for one. Their public halves are served too. Default: none. */
  readonly keys?: PublishedKeys | readonly PublishedKeys[];
  /** Where the key set is served. Two resources of one host that have keys need two paths. Default: `/.well-known/jwks.json`. */
  readonly keysPath?: string;
}

const ROOT_PATH = '/.well-known/oauth-protected-resource';

const CORS = { 'Access-Control-Allow-Origin': '*' };
const PREFLIGHT: EndpointResponse = {
  status: 204,
  headers: {
    ...CORS,
    'Access-Control-Allow-Methods': 'GET, HEAD, OPTIONS',
    // A wildcard stands for every name but Authorization (Fetch Standard section 3.3.5).
    'Access-Control-Allow-Headers': 'Authorization, MCP-Protocol-Version, *',
    'Access-Control-Max-Age': '86400',
  },
  body: '',
};
const NOT_ALLOWED: EndpointResponse = {
  status: 405,
  headers: { ...CORS, 'Content-Type': 'application/json', Allow: 'GET, HEAD, OPTIONS' },
  body: '{"error":"method_not_allowed"}',
};

/**
 * Publishes who protects an MCP endpoint: OAuth 2.0 Protected Resource Metadata (RFC 9728).
 *
 * The document stands at the path form of its well-known URL, `/.well-known/oauth-protected-resource/mcp` for
 * `https://host/mcp`, and at the root form. Nothing in it comes from a request, so mounts and proxies change nothing.
 * With `keys` it points to their key set (RFC 7517), which is served as well.
 *
 * @throws {TypeError} when an option is not what it must be
 */
export function protectedResource(options: ProtectedResourceOptions): Endpoint {
  const checked = readOptions<ProtectedResourceOptions>('protectedResource', options, {
    resource: resourceUrl,
    authorizationServers: listOf(secureUrl, { least: 1 }),
    scopes: optional(listOf(scope)),
    name: optional(text),
    documentation: optional(page),
    root: optional(flag),
    dpop: optional(object),
    certificateBoundTokens: optional(flag),
    keys: () => undefined,
    keysPath: optional(text),
  });
  const keySet = checked.keys === undefined ? undefined : jwksEndpoint(checked.keys, checked.keysPath);
  const [keysPath] = keySet?.paths ?? [];
  const body = JSON.stringify(metadataOf(checked, keysPath));
  const document: EndpointResponse = Object.freeze({
    status: 200,
    headers: Object.freeze({
      ...CORS,
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(body)),
      'Cache-Control': 'public, max-age=3600',
    }),
    body,
  });
  return Object.freeze({
    paths: Object.freeze([...pathsOf(checked), ...(keySet?.paths ?? [])]),
    handle: (request: EndpointRequest) =>
      keySet !== undefined && request.path === keysPath ? keySet.handle(request) : respond(request.method, document),
  });
}

function metadataOf(options: ProtectedResourceOptions, keysPath: string | undefined): object {
  const { resource, authorizationServers, scopes = [], name, documentation } = options;
  const { mode, algorithms } = readDPoPOptions('protectedResource', options.dpop);
  return {
    resource,
    authorization_servers: authorizationServers,
    jwks_uri: keysPath === undefined ? undefined : `${new URL(resource).origin}${keysPath}`,
    // An empty list must not be published (RFC 9728 section 3.2).
    scopes_supported: scopes.length === 0 ? undefined : scopes,
    bearer_methods_supported: ['header'],
    tls_client_certificate_bound_access_tokens: options.certificateBoundTokens === true ? true : undefined,
    dpop_signing_alg_values_supported: mode === 'off' ? undefined : algorithms,
    dpop_bound_access_tokens_required: mode === 'require' ? true : undefined,
    resource_name: name,
    resource_documentation: documentation,
  };
}

/** A client that keeps the trailing slash of a path looks one path further. */
function pathsOf({ resource, root = true }: ProtectedResourceOptions): readonly string[] {
  const own = new URL(metadataUrl(resource)).pathname;
  if (own === ROOT_PATH) return Object.freeze([ROOT_PATH]);
  return Object.freeze([own, `${own}/`, ...(root ? [ROOT_PATH] : [])]);
}

function respond(method: string, document: EndpointResponse): EndpointResponse {
  if (method === 'GET' || method === 'HEAD') return document;
  return method === 'OPTIONS' ? PREFLIGHT : NOT_ALLOWED;
}

const resourceUrl: Check = (value) => {
  const problem = secureUrl(value);
  if (problem !== undefined) return problem;
  const url = value as string;
  if (url.includes('?')) return 'must not have a query, which no path of a document can stand for';
  const canonical = new URL(url).href.replace(/\/+$/, '');
  return url === canonical || url === `${canonical}/` ? undefined : `must be in canonical form: write '${canonical}'`;
};

const scope: Check = (value) => {
  if (value === 'offline_access') return 'must not be offline_access, which is between client and authorization server';
  return isScope(value) ? undefined : 'must be one scope, such as files:read';
};

const page: Check = (value) =>
  typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
    ? undefined
    : 'must be the URL of a web page';
