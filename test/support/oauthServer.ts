import { randomBytes } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import type { ClientMetadata, Configuration } from 'oidc-provider';
import { InvalidTarget } from 'oidc-provider/lib/helpers/errors.js';
import { Provider } from 'oidc-provider/lib/provider.js';
import { memoryAdapter } from '../../examples/support/memoryAdapter.js';
import type { Authority } from './certificates.js';

export const SCOPES = ['file:read', 'pay'];
const MFA = 'urn:example:mfa';

/** A real authorization server behind TLS, with DPoP, mutual TLS, introspection and resource indicators switched on. */
export interface OAuthServer {
  readonly issuer: string;
  /** The resources that tokens may be asked for, and the form of their tokens. */
  readonly resources: Map<string, 'jwt' | 'opaque'>;
  readonly app: { readonly clientId: string; readonly redirectUri: string };
  readonly service: { readonly clientId: string; readonly clientSecret: string; readonly scope: string };
  /** A resource server, which may introspect by secret or by key. */
  readonly resourceServer: { readonly clientId: string; readonly clientSecret: string };
  readonly keyed: { readonly clientId: string; readonly privateKey: JWK };
  /** How often a path was asked for. */
  readonly requests: Map<string, number>;
  readonly close: () => Promise<void>;
}

/**
 * Tokens of `app` and `service` are bound to the certificate under which they were asked for (RFC 8705), or to the key
 * of the proof with which they were (RFC 9449).
 */
export async function startOAuthServer(
  authority: Authority,
  boundTo: 'certificate' | 'key' = 'certificate',
): Promise<OAuthServer> {
  const { cert, key } = await authority.issue([{ type: 'dns', value: 'localhost' }]);
  const server = createServer({ cert, key, ca: authority.ca, requestCert: true, rejectUnauthorized: false });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `https://localhost:${(server.address() as AddressInfo).port}`;
  const [signing, client] = await Promise.all([newKey(), newKey()]);
  const resources: OAuthServer['resources'] = new Map();
  const requests: OAuthServer['requests'] = new Map();
  const app = { clientId: 'app', redirectUri: 'http://127.0.0.1/callback' };
  const service = { clientId: 'service', clientSecret: secret(), scope: SCOPES.join(' ') };
  const resourceServer = { clientId: 'resource-server', clientSecret: secret() };
  const keyed = { clientId: 'keyed-resource-server', privateKey: client };
  const provider = new Provider(issuer, {
    adapter: memoryAdapter(),
    acrValues: [MFA],
    scopes: ['openid', ...SCOPES, 'offline_access'],
    responseTypes: ['code'],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clients: clientsOf({ app, service, resourceServer, keyed }, boundTo),
    cookies: { keys: [randomBytes(32)] },
    jwks: { keys: [signing] as never },
    clientBasedCORS: () => false,
    interactions: { url: (_ctx, { uid }) => `/sign-in/${uid}` },
    findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    // How and when the user signed in (RFC 9470 section 6.1).
    extraTokenClaims: (ctx) => {
      const { AuthorizationCode: code, RefreshToken: refresh } = ctx.oidc.entities;
      const { acr, authTime } = code ?? refresh ?? {};
      return authTime === undefined ? undefined : { ...(acr === undefined ? {} : { acr }), auth_time: authTime };
    },
    ttl: {
      AccessToken: 600,
      IdToken: 600,
      ClientCredentials: 600,
      RefreshToken: 3600,
      Grant: 3600,
      Session: 3600,
      Interaction: 600,
    },
    features: features(resources),
  });
  server.on('request', counting(requests, lettingIn(provider)));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { issuer, resources, app, service, resourceServer, keyed, requests, close };
}

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: randomBytes(8).toString('hex'), alg: 'ES256', use: 'sig' };
}

const secret = (): string => randomBytes(24).toString('base64url');

function clientsOf(
  { app, service, resourceServer, keyed }: Pick<OAuthServer, 'app' | 'service' | 'resourceServer' | 'keyed'>,
  boundTo: 'certificate' | 'key',
): ClientMetadata[] {
  const machine = { response_types: [], redirect_uris: [] };
  const bound =
    boundTo === 'key' ? { dpop_bound_access_tokens: true } : { tls_client_certificate_bound_access_tokens: true };
  const { d: _d, ...publicKey } = keyed.privateKey;
  return [
    {
      client_id: app.clientId,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [app.redirectUri],
      ...bound,
    },
    {
      ...machine,
      client_id: service.clientId,
      client_secret: service.clientSecret,
      grant_types: ['client_credentials'],
      scope: service.scope,
      ...bound,
    },
    { ...machine, client_id: resourceServer.clientId, client_secret: resourceServer.clientSecret, grant_types: [] },
    {
      ...machine,
      client_id: keyed.clientId,
      grant_types: [],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [publicKey] as never },
    },
  ];
}

function features(resources: OAuthServer['resources']): Configuration['features'] {
  const socketOf = (ctx: { readonly req: IncomingMessage }) =>
    ctx.req.socket as unknown as Pick<TLSSocket, 'authorized' | 'getPeerX509Certificate'>;
  return {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    dPoP: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
    rpInitiatedLogout: { enabled: false },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      getCertificate: (ctx) => socketOf(ctx).getPeerX509Certificate(),
      certificateAuthorized: (ctx) => socketOf(ctx).authorized,
      certificateSubjectMatches: () => false,
    },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => {
        const accessTokenFormat = resources.get(resource);
        if (accessTokenFormat === undefined) throw new InvalidTarget();
        const common = { scope: SCOPES.join(' '), accessTokenTTL: 600, audience: resource };
        return accessTokenFormat === 'opaque'
          ? { ...common, accessTokenFormat }
          : { ...common, accessTokenFormat, jwt: { sign: { alg: 'ES256' } } };
      },
    },
  };
}

function counting(requests: Map<string, number>, listener: RequestListener): RequestListener {
  return (req, res) => {
    const [path = ''] = (req.url ?? '').split('?', 1);
    requests.set(path, (requests.get(path) ?? 0) + 1);
    listener(req, res);
  };
}

function lettingIn(provider: Provider): RequestListener {
  const handle = provider.callback();
  return (req, res) => {
    // The provider takes these values for a wish; here they are what a user must sign in anew for.
    if (req.url?.startsWith('/auth?') === true && req.url.includes('acr_values='))
      req.url = `${req.url.replace(/&prompt=[^&]*/, '')}&prompt=login%20consent`;
    if (req.url?.startsWith('/sign-in/') !== true) {
      void handle(req, res);
      return;
    }
    signIn(provider, req, res).catch(() => {
      res.writeHead(400).end();
    });
  };
}

/** Signs everybody in as asked, with a second factor where one is asked for. */
async function signIn(provider: Provider, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { params, prompt, session } = await provider.interactionDetails(req, res);
  const { client_id: clientId, scope, resource, login_hint: hint = 'jane' } = params as Record<string, string>;
  const known = prompt.name === 'login' ? undefined : session?.accountId;
  const accountId = known ?? hint;
  const grant = new provider.Grant({ clientId, accountId });
  grant.addOIDCScope(scope ?? '');
  for (const one of [resource ?? []].flat()) grant.addResourceScope(one, scope ?? '');
  const grantId = await grant.save();
  const { acr_values: asked = '' } = params as Record<string, string>;
  const login = { accountId, ...(asked.split(' ').includes(MFA) ? { acr: MFA } : {}) };
  await provider.interactionFinished(req, res, { ...(known === undefined ? { login } : {}), consent: { grantId } });
}
