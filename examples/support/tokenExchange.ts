import { importJWK, jwtVerify, type JWK, type JWTPayload } from 'jose';
import type { ClientMetadata, ResourceServer } from 'oidc-provider';
import { InvalidRequest, InvalidScope, InvalidTarget } from 'oidc-provider/lib/helpers/errors.js';
import type { Provider } from 'oidc-provider/lib/provider.js';

/** A server that may exchange the tokens it gets for tokens of other servers (RFC 8693). */
export interface Exchanger {
  readonly clientId: string;
  /** Its MCP endpoint: only tokens for it may be exchanged by it. */
  readonly resource: string;
  /** How it proves to be itself: by a secret, or by signatures of these keys. */
  readonly credential: { readonly clientSecret: string } | { readonly publicKeys: readonly JWK[] };
}

interface Parameters {
  readonly subject_token?: string;
  readonly subject_token_type?: string;
  readonly requested_token_type?: string;
  readonly resource?: string;
}

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const acts = new WeakMap<object, { readonly act: object }>();

/** Who acts, for the claims of an exchanged token. Nothing for any other. */
export function actorClaims(token: object): { act: object } | undefined {
  return acts.get(token);
}

export function exchangerMetadata({ clientId, credential }: Exchanger): ClientMetadata {
  const common = { client_id: clientId, grant_types: [GRANT], response_types: [], redirect_uris: [] };
  if ('clientSecret' in credential) return { ...common, client_secret: credential.clientSecret };
  const keys = credential.publicKeys.map(({ kty, crv, x, y, kid, alg }) => ({ kty, crv, x, y, kid, alg, use: 'sig' }));
  return {
    ...common,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: keys },
  };
}

/**
 * Teaches an authorization server the token exchange: a token for the server that asks becomes one for another, with
 * those of its scopes that are asked for, and with the actors so far in `act`.
 */
export function registerTokenExchange(
  provider: Provider,
  {
    jwk,
    exchangers,
    infoOf,
  }: { jwk: JWK; exchangers: readonly Exchanger[]; infoOf: (resource: string) => ResourceServer },
): void {
  const { d: _d, ...publicKey } = jwk;
  const key = importJWK(publicKey);

  const verify = async (token: string | undefined, audience: string | undefined): Promise<JWTPayload> => {
    if (token === undefined || audience === undefined) throw new InvalidRequest('subject_token is missing');
    try {
      const options = { issuer: provider.issuer, audience, typ: 'at+jwt', requiredClaims: ['exp', 'sub'] };
      return (await jwtVerify(token, await key, options)).payload;
    } catch {
      throw new InvalidRequest('subject_token is not valid');
    }
  };

  provider.registerGrantType<Parameters>(
    GRANT,
    async (ctx) => {
      const { client, params } = ctx.oidc;
      const {
        subject_token: subjectToken,
        subject_token_type: type,
        requested_token_type: requested,
        resource,
      } = params;
      const home = exchangers.find(({ clientId }) => clientId === client.clientId)?.resource;
      if (type !== ACCESS_TOKEN || requested !== ACCESS_TOKEN) throw new InvalidRequest('only access tokens are known');
      const { sub = '', scope: held = '', act } = (await verify(subjectToken, home)) as JWTPayload & { scope?: string };
      if (typeof resource !== 'string') throw new InvalidTarget();
      const resourceServer = new provider.ResourceServer(resource, infoOf(resource));
      const scope = params.scope ?? held;
      const missing = scope.split(' ').find((one) => !held.split(' ').includes(one));
      if (missing !== undefined) throw new InvalidScope('the subject_token has no such scope', missing);
      const token = new provider.AccessToken({
        client,
        accountId: sub,
        grantId: '',
        gty: GRANT,
        resourceServer,
        scope,
      });
      acts.set(token, {
        act: { sub: client.clientId, ...(act === undefined ? {} : { act }) },
      });
      ctx.oidc.entity('AccessToken', token);
      ctx.body = {
        access_token: await token.save(),
        issued_token_type: ACCESS_TOKEN,
        token_type: token.tokenType,
        expires_in: token.expiration,
        scope,
      };
    },
    ['subject_token', 'subject_token_type', 'requested_token_type', 'resource', 'scope'],
  );
}
