import { randomUUID } from 'node:crypto';
import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JSONWebKeySet,
  type JWK,
  type JWTHeaderParameters,
} from 'jose';
import { insertWellKnown } from '../url.js';

/** What a test says about its authorization server. Everything has a default. */
export interface FakeIssuerOptions {
  /** The exact `iss` of its tokens. Default: `https://issuer.example`. */
  readonly issuer?: string;
  /** The `aud` of its tokens. Default: `https://mcp.example/mcp`. */
  readonly resource?: string;
  /** The JWS algorithm. Default: `ES256`; an RSA key takes a moment to generate. */
  readonly algorithm?: string;
  /** Members that replace or join those of the metadata document. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** A further URL at which the metadata document is served, for a server that keeps it elsewhere. */
  readonly metadataUrl?: string;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/** An authorization server without a socket: pass its `fetch` to what is tested. */
export interface FakeIssuer {
  readonly issuer: string;
  readonly resource: string;
  /** Answers metadata (RFC 8414 and OpenID Connect Discovery) and the key set of this issuer, and 404 to all else. */
  readonly fetch: typeof fetch;
  /** How often each URL was fetched. */
  readonly requests: ReadonlyMap<string, number>;
  readonly jwksUri: string;
  readonly now: () => Date;
  /** The key set as it is published. */
  readonly jwks: () => Promise<JSONWebKeySet>;
  /**
   * A signed access token with the claims of RFC 9068: five minutes long, for `resource`, with scope `mcp`.
   * Claims and header members replace the defaults; `undefined` leaves one out.
   */
  readonly token: (
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ) => Promise<string>;
  /** Signs with a new key from now on. The earlier ones stay published, unless they are `revoke`d. */
  readonly rotate: (options?: { readonly revoke?: boolean }) => void;
  /** Whether every fetch fails as if nobody listened. */
  readonly outage: (on: boolean) => void;
}

interface Key {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

/**
 * A fake authorization server for tests of handlers and policies. Each one has keys of its own: a token of one is
 * forged in the eyes of another, even under the same name.
 */
export function fakeIssuer(options: FakeIssuerOptions = {}): FakeIssuer {
  const {
    issuer = 'https://issuer.example',
    resource = 'https://mcp.example/mcp',
    algorithm = 'ES256',
    now = () => new Date(),
  } = options;
  const base = issuer.replace(/\/$/, '');
  const jwksUri = `${base}/jwks`;
  const requests = new Map<string, number>();
  // Generated when first needed: a test that never signs pays nothing.
  let current = once(() => generate(algorithm));
  let earlier: readonly (typeof current)[] = [];
  let down = false;

  const jwks = async (): Promise<JSONWebKeySet> => ({
    keys: await Promise.all([current, ...earlier].map(async (key) => (await key()).jwk)),
  });
  const metadata = { ...describe(issuer, base, jwksUri), ...options.metadata };
  const documents = new Map<string, () => unknown>([
    ...wellKnown(issuer, base, options.metadataUrl).map((url) => [url, () => metadata] as const),
    [jwksUri, jwks],
  ]);

  return {
    issuer,
    resource,
    jwksUri,
    requests,
    now,
    jwks,
    fetch: async (input) => {
      const url = input instanceof Request ? input.url : String(input);
      requests.set(url, (requests.get(url) ?? 0) + 1);
      if (down) throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 127.0.0.1:9') });
      const document = documents.get(url);
      return document === undefined ? new Response('', { status: 404 }) : Response.json(await document());
    },
    token: async (claims = {}, header = {}) => {
      const { privateKey, jwk } = await current();
      const seconds = Math.floor(now().getTime() / 1000);
      const lifetime = { iat: seconds, exp: seconds + 300, jti: randomUUID() };
      const caller = { iss: issuer, sub: 'user', client_id: 'client', aud: resource, scope: 'mcp' };
      return new SignJWT({ ...caller, ...lifetime, ...claims })
        .setProtectedHeader({ alg: algorithm, kid: jwk.kid, typ: 'at+jwt', ...header } as JWTHeaderParameters)
        .sign(privateKey);
    },
    rotate: ({ revoke = false } = {}) => {
      earlier = revoke ? [] : [current, ...earlier];
      current = once(() => generate(algorithm));
    },
    outage: (on) => {
      down = on;
    },
  };
}

async function generate(algorithm: string): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return { privateKey, jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: algorithm, use: 'sig' } };
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => (made ??= make());
}

function describe(issuer: string, base: string, jwksUri: string): Readonly<Record<string, unknown>> {
  return {
    issuer,
    jwks_uri: jwksUri,
    authorization_endpoint: `${base}/authorize`,
    token_endpoint: `${base}/token`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
  };
}

function wellKnown(issuer: string, base: string, further: string | undefined): readonly string[] {
  return [
    insertWellKnown(issuer, 'oauth-authorization-server'),
    insertWellKnown(issuer, 'openid-configuration'),
    `${base}/.well-known/openid-configuration`,
    ...(further === undefined ? [] : [further]),
  ];
}
