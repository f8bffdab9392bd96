import { randomBytes } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT, type JWK, type JWTHeaderParameters, type JWTPayload } from 'jose';
import type { ClientMetadata, Configuration, ResourceServer } from 'oidc-provider';
import { InvalidTarget } from 'oidc-provider/lib/helpers/errors.js';
import { Provider } from 'oidc-provider/lib/provider.js';
import { listen } from './loopback.js';
import { memoryAdapter } from './memoryAdapter.js';
import { actorClaims, exchangerMetadata, registerTokenExchange, type Exchanger } from './tokenExchange.js';

/** Every scope the examples know. */
export const SCOPES = ['file:read', 'audit:log', 'file:delete'];

export interface AuthorizationServerOptions {
  /** The resources that tokens may be asked for (RFC 8707): public URLs of MCP endpoints. More may be added later. */
  readonly resources?: readonly string[];
  /** Default: 0, any free one. */
  readonly port?: number;
  /** How long an access token is good for, in seconds. Default: 600. */
  readonly accessTokenSeconds?: number;
  /** Whether clients get refresh tokens that did not ask for `offline_access`. Default: false. */
  readonly alwaysRefresh?: boolean;
  /** Servers that may exchange the tokens they get (RFC 8693). Default: none. */
  readonly exchangers?: readonly Exchanger[];
}

export interface AuthorizationServer {
  readonly issuer: string;
  /** The resources that tokens may be asked for. */
  readonly resources: Set<string>;
  /** A public client for the authorization code flow with PKCE. May ask for every scope. */
  readonly app: { readonly clientId: string; readonly redirectUri: string };
  /** A confidential client for the client credentials grant. May not ask for `file:delete`. */
  readonly service: { readonly clientId: string; readonly clientSecret: string; readonly scope: string };
  /** A client for the same grant that proves itself with a key of its own (RFC 7523, `private_key_jwt`). */
  readonly robot: {
    readonly clientId: string;
    readonly privateKey: JWK;
    readonly algorithm: string;
    readonly scope: string;
  };
  /** Signs any claims with this server's key: to make tokens with exactly one thing wrong. */
  readonly sign: (claims: JWTPayload, header?: Partial<JWTHeaderParameters>) => Promise<string>;
  /** How often a token was asked for, refreshed ones included. */
  readonly tokenRequests: () => number;
  /** How often somebody had to say who they are: not again in a browser that is signed in. */
  readonly logins: () => number;
  readonly close: () => Promise<void>;
}

/**
 * A real OAuth 2 authorization server on 127.0.0.1. DEVELOPMENT ONLY: it lets everyone in as `demo-user`, without a
 * password, and agrees to every scope that is asked for. Keys and the client secret are new on every start.
 *
 * Access tokens are JWTs for one resource (RFC 9068, RFC 8707). Clients may also register themselves (RFC 7591).
 */
export async function startAuthorizationServer(options: AuthorizationServerOptions = {}): Promise<AuthorizationServer> {
  const loopback = await listen(options.port ?? 0);
  const issuer = loopback.origin;
  const resources = new Set(options.resources);
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const kid = randomBytes(8).toString('hex');
  const app = { clientId: 'demo-app', redirectUri: 'http://127.0.0.1/callback' };
  const service = {
    clientId: 'demo-service',
    clientSecret: randomBytes(24).toString('base64url'),
    scope: 'file:read audit:log',
  };
  const robot = {
    clientId: 'demo-robot',
    privateKey: await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey),
    algorithm: 'ES256',
    scope: service.scope,
  };
  const jwk: JWK = { ...(await exportJWK(privateKey)), kid, alg: 'ES256', use: 'sig' };
  const { exchangers = [], accessTokenSeconds = 600 } = options;
  const infoOf = resourceInfo(resources, accessTokenSeconds);
  const provider = new Provider(issuer, {
    ...BASICS,
    adapter: memoryAdapter(),
    clients: [...clientsOf(app, service), robotOf(robot), ...exchangers.map(exchangerMetadata)],
    cookies: { keys: [randomBytes(32)] },
    jwks: { keys: [jwk] as never },
    issueRefreshToken: (_ctx, client, code) =>
      client.grantTypeAllowed('refresh_token') && (options.alwaysRefresh === true || code.scopes.has('offline_access')),
    extraTokenClaims: (_ctx, token) => actorClaims(token),
    features: features(infoOf),
  });
  registerTokenExchange(provider, { jwk, exchangers, infoOf });
  let [tokenRequests, logins] = [0, 0];
  const handle = letEveryoneIn(provider, () => (logins += 1));
  loopback.serve(
    onlyFor(new URL(issuer).host, (req, res) => {
      if (req.url === '/token') tokenRequests += 1;
      handle(req, res);
    }),
  );
  return {
    issuer,
    resources,
    app,
    service,
    robot,
    sign: (claims, header) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid, ...header }).sign(privateKey),
    tokenRequests: () => tokenRequests,
    logins: () => logins,
    close: loopback.close,
  };
}

const BASICS = {
  scopes: [...SCOPES, 'offline_access'],
  responseTypes: ['code'],
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  clientBasedCORS: () => false,
  interactions: { url: (_ctx, { uid }) => `/sign-in/${uid}` },
  findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  renderError: (ctx, { error, error_description }) => {
    ctx.type = 'text/plain';
    ctx.body = `${error}: ${error_description ?? ''}\n`;
  },
  ttl: { AccessToken: 600, ClientCredentials: 600, RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600 },
} satisfies Configuration;

function clientsOf(
  app: AuthorizationServer['app'],
  { clientId, clientSecret, scope }: AuthorizationServer['service'],
): ClientMetadata[] {
  return [
    {
      client_id: app.clientId,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [app.redirectUri],
    },
    {
      client_id: clientId,
      client_secret: clientSecret,
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope,
    },
  ];
}

function robotOf({ clientId, privateKey, algorithm, scope }: AuthorizationServer['robot']): ClientMetadata {
  const { d: _secret, ...publicKey } = privateKey;
  return {
    client_id: clientId,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: algorithm as 'ES256',
    jwks: { keys: [{ ...publicKey, alg: algorithm, use: 'sig' }] as never },
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    scope,
  };
}

type ResourceInfo = (resource: string) => ResourceServer;

function resourceInfo(resources: ReadonlySet<string>, accessTokenTTL: number): ResourceInfo {
  const resourceServer: ResourceServer = {
    scope: SCOPES.join(' '),
    accessTokenFormat: 'jwt',
    accessTokenTTL,
    jwt: { sign: { alg: 'ES256' } },
  };
  return (resource) => {
    if (!resources.has(resource)) throw new InvalidTarget();
    return resourceServer;
  };
}

function features(infoOf: ResourceInfo): Configuration['features'] {
  return {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    registration: { enabled: true },
    rpInitiatedLogout: { enabled: false },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => infoOf(resource),
    },
  };
}

/** A web page that got its own name resolved to this machine must not sign anybody in. */
function onlyFor(host: string, listener: RequestListener): RequestListener {
  return (req, res) => {
    if (req.headers.host === host) listener(req, res);
    else res.writeHead(421).end();
  };
}

function letEveryoneIn(provider: Provider, onLogin: () => void): RequestListener {
  const handle = provider.callback();
  return (req, res) => {
    if (req.url?.startsWith('/sign-in/') !== true) {
      void handle(req, res);
      return;
    }
    signIn(provider, req, res, onLogin).catch(() => {
      res.writeHead(400).end();
    });
  };
}

/** What a sign-in and a consent page would do, without asking. `login_hint` names somebody else than `demo-user`. */
async function signIn(
  provider: Provider,
  req: IncomingMessage,
  res: ServerResponse,
  onLogin: () => void,
): Promise<void> {
  const { params, prompt, session } = await provider.interactionDetails(req, res);
  const { client_id: clientId, scope, resource, login_hint: hint = 'demo-user' } = params as Record<string, string>;
  const known = prompt.name === 'login' ? undefined : session?.accountId;
  if (known === undefined) onLogin();
  const accountId = known ?? hint;
  const grant = new provider.Grant({ clientId, accountId });
  grant.addOIDCScope(scope ?? '');
  for (const one of [resource ?? []].flat()) grant.addResourceScope(one, scope ?? '');
  const grantId = await grant.save();
  const login = known === undefined ? { login: { accountId } } : {};
  await provider.interactionFinished(req, res, { ...login, consent: { grantId } });
}
