import { randomUUID } from 'node:crypto';
import {
  ClientCredentialsProvider,
  PrivateKeyJwtProvider,
  type OAuthClientMetadata,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
} from '@modelcontextprotocol/client';
import type { AuthorizationServer } from './authorizationServer.js';
import { openBrowser, type Browser } from './browser.js';

/** How an MCP client gets its tokens: what the official transports take as `authProvider`. */
export interface Login {
  readonly provider: OAuthClientProvider;
  /** Finishes a sign-in that is under way and returns where the browser ended up, or nothing when there is none. */
  readonly finish: () => Promise<URL | undefined>;
}

/** The client credentials grant: a machine that acts for itself. */
export function asService({ issuer, service }: Pick<AuthorizationServer, 'issuer' | 'service'>): Login {
  const provider = new ClientCredentialsProvider({ ...service, expectedIssuer: issuer });
  return { provider, finish: () => Promise.resolve(undefined) };
}

/** The same grant, proven by a signature instead of a secret that is sent. */
export function asRobot({ issuer, robot }: AuthorizationServer): Login {
  const provider = new PrivateKeyJwtProvider({ ...robot, privateKey: { ...robot.privateKey }, expectedIssuer: issuer });
  return { provider, finish: () => Promise.resolve(undefined) };
}

/** The authorization code grant with PKCE: a person signs in, here without a hand on the mouse. */
export function asUser(
  { issuer, app }: Pick<AuthorizationServer, 'issuer' | 'app'>,
  name = 'demo-user',
  browser: Browser = openBrowser(),
): Login {
  const provider = new InMemoryProvider({ client_id: app.clientId, issuer }, app.redirectUri);
  const finish = async (): Promise<URL | undefined> => {
    const url = provider.takeRedirect();
    if (url === undefined) return undefined;
    url.searchParams.set('login_hint', name);
    const callback = await browser(url, app.redirectUri);
    const { state, error, error_description: text } = Object.fromEntries(callback.searchParams);
    if (state !== url.searchParams.get('state')) throw new Error('the redirect answers another sign-in');
    if (error !== undefined) throw new Error(`${error}: ${text ?? ''}`);
    return callback;
  };
  return { provider, finish };
}

/** Everything a public client has to remember, for both lines of the official SDK. */
class InMemoryProvider implements OAuthClientProvider {
  readonly redirectUrl: string;
  readonly clientMetadata: OAuthClientMetadata;
  readonly #client: StoredOAuthClientInformation;
  #tokens: StoredOAuthTokens | undefined;
  #verifier = '';
  #discovery: OAuthDiscoveryState | undefined;
  #redirect: URL | undefined;

  constructor(client: StoredOAuthClientInformation, redirectUrl: string) {
    this.#client = client;
    this.redirectUrl = redirectUrl;
    this.clientMetadata = {
      client_name: 'mcp-etdi example',
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    };
  }

  takeRedirect(): URL | undefined {
    const redirect = this.#redirect;
    this.#redirect = undefined;
    return redirect;
  }

  state(): string {
    return randomUUID();
  }

  clientInformation(): StoredOAuthClientInformation {
    return this.#client;
  }

  tokens(): StoredOAuthTokens | undefined {
    return this.#tokens;
  }

  saveTokens(tokens: StoredOAuthTokens): void {
    this.#tokens = tokens;
  }

  redirectToAuthorization(url: URL): void {
    this.#redirect = url;
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }

  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovery = state;
  }

  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovery;
  }
}
