import { randomUUID } from 'node:crypto';
import type { JWK } from 'jose';
import { createProof, importProofKey, type ProofKey } from '../lib/dpop/createProof.js';
import { assertSignKey } from '../lib/keys/algorithms.js';
import { generateKey } from '../lib/keys/generateKey.js';
import { callback, object, optional, readOptions, type Check } from '../lib/options.js';
import { headersOf, readRequest, urlOf, type OutgoingRequest } from '../lib/outgoingRequest.js';
import { secureUrl } from '../lib/url.js';

export interface DPoPFetchOptions {
  /** The URL of the MCP endpoint. Requests to its origin and path that carry a token carry a proof too. */
  readonly resource: string;
  /**
   * The `token_endpoint` of the authorization server. Requests to it carry a proof, which is what binds the tokens that
   * it issues. Default: none do, for tokens that were bound elsewhere.
   */
  readonly tokenEndpoint?: string;
  /**
   * The key that tokens are bound to: a private JWK with its `alg`, or what signs with a key that cannot leave its store.
   * Tokens that outlive the process need the same key again. Default: a new ES256 key, in memory alone.
   */
  readonly key?: JWK | ProofKey;
  /** Sends the request, after nothing but a signature is added to it: `signingFetch(...)`, or the system's. */
  readonly fetch?: typeof fetch;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
  /** Makes the `jti` of a proof, at least 96 bits that nobody can guess. Default: a random UUID. */
  readonly newId?: () => string;
}

const proofKey: Check = (value) => {
  const wrong = object(value);
  if (wrong !== undefined) return wrong;
  if (isProofKey(value as JWK | ProofKey))
    return isWhole(value as ProofKey) ? undefined : 'must have algorithm, jwk and sign';
  try {
    assertSignKey(value as JWK);
    return undefined;
  } catch (error) {
    return `must be a private JWK with its alg, such as 'mcp-etdi keys proof-key' makes: ${(error as Error).message}`;
  }
};

const SIGNED =
  'dpopFetch: the request is signed already; write dpopFetch({ fetch: signingFetch({ ... }) }), whose signature covers the proof';
const TOKEN = /^(?:bearer|dpop) +(\S+)$/i;
const ASKS = /\bDPoP\b.*\berror="?use_dpop_nonce\b/i;

/**
 * A `fetch` that proves for every request to one MCP endpoint that its token belongs to the holder of a key (RFC 9449).
 *
 * Give it to an MCP client as the `fetch` option of its transport, with any OAuth provider: the token that the client
 * sends as `Bearer` goes out as `DPoP`, with a proof of its own for each attempt. Where a server asks for its nonce the
 * request is sent once more, with the nonce. Proofs go to the endpoint and the token endpoint, and nowhere else:
 * redirects are not followed.
 * @throws {TypeError} when an option is not what it must be, a key that cannot sign among them; later, for a body that is a
 *   stream, a request that is signed already, and a key whose halves do not belong together
 */
export function dpopFetch(options: DPoPFetchOptions): typeof fetch {
  const given = readOptions<DPoPFetchOptions>('dpopFetch', options, {
    resource: secureUrl,
    tokenEndpoint: optional(secureUrl),
    key: optional(proofKey),
    fetch: optional(callback),
    now: optional(callback),
    newId: optional(callback),
  });
  const { fetch: send = fetch, now = () => new Date(), newId = randomUUID } = given;
  const resource = new URL(given.resource);
  const tokenEndpoint = given.tokenEndpoint === undefined ? undefined : new URL(given.tokenEndpoint);
  const nonces = new Map<string, string>();
  let key: Promise<ProofKey> | undefined;

  const attempt = async (url: URL, { method, headers, content, rest }: Repeatable, token?: string) => {
    const iat = Math.floor(now().getTime() / 1000);
    const subject = { method, url, token, nonce: nonces.get(placeOf(url)), jti: newId(), iat };
    const proven = new Headers(headers);
    proven.set('DPoP', await createProof(await (key ??= keyOf(given.key)), subject));
    if (token !== undefined) proven.set('Authorization', `DPoP ${token}`);
    return send(url, { ...rest, method, headers: proven, ...(content === undefined ? {} : { body: content }) });
  };

  const prove = async (url: URL, outgoing: Repeatable, token?: string): Promise<Response> => {
    const used = nonces.get(placeOf(url));
    const response = await attempt(url, outgoing, token);
    const nonce = response.headers.get('dpop-nonce');
    if (nonce === null) return response;
    nonces.set(placeOf(url), nonce);
    if (nonce === used || !(await asksForNonce(response))) return response;
    await response.body?.cancel();
    const second = await attempt(url, outgoing, token);
    nonces.set(placeOf(url), second.headers.get('dpop-nonce') ?? nonce);
    return second;
  };

  return async (input, init) => {
    const url = urlOf(input);
    const headers = headersOf(input, init);
    const token = isAt(url, resource) ? TOKEN.exec(headers.get('authorization') ?? '')?.[1] : undefined;
    if (token === undefined && !isAt(url, tokenEndpoint)) return send(input, init);
    if (headers.has('signature-input')) throw new TypeError(SIGNED);
    const outgoing = await readRequest('dpopFetch', input, init);
    // A text stays one, for what looks at it on its way: it is sent as the same bytes.
    const content = typeof init?.body === 'string' ? init.body : outgoing.body;
    return prove(url, { ...outgoing, content }, token);
  };
}

/** A request that can be sent twice. */
interface Repeatable extends OutgoingRequest {
  readonly content: string | Uint8Array<ArrayBuffer> | undefined;
}

async function keyOf(key: DPoPFetchOptions['key']): Promise<ProofKey> {
  if (key === undefined) return importProofKey((await generateKey('ES256')).privateJwk);
  return isProofKey(key) ? key : importProofKey(key);
}

function isWhole({ algorithm, jwk }: { readonly algorithm: unknown; readonly jwk: unknown }): boolean {
  return typeof algorithm === 'string' && object(jwk) === undefined;
}

function isProofKey(key: JWK | ProofKey): key is ProofKey {
  return typeof (key as ProofKey).sign === 'function';
}

/** Every server gives out nonces of its own, and may give one for each resource (RFC 9449 section 8.2). */
function placeOf({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

function isAt(url: URL, place: URL | undefined): boolean {
  return place !== undefined && placeOf(url) === placeOf(place);
}

/** A resource asks in its challenge (RFC 9449 section 9), a token endpoint in its answer (section 8). */
async function asksForNonce(response: Response): Promise<boolean> {
  const { status, headers } = response;
  if (status !== 400 && status !== 401) return false;
  if (ASKS.test(headers.get('www-authenticate') ?? '')) return true;
  const answer: unknown = await response
    .clone()
    .json()
    .catch(() => undefined);
  return (answer as { error?: unknown } | null | undefined)?.error === 'use_dpop_nonce';
}
