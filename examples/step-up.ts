// Tools that ask for another sign-in, and a client that follows (RFC 9470).
import type { OAuthClientProvider } from '@modelcontextprotocol/client';
import { defineTools, type Tools } from '../lib/index.js';

// #region policy
/** A payment takes a second factor, and a sign-in of the last five minutes. */
export const tools: Tools = defineTools({
  whoami: { permissions: [] },
  peek: { permissions: [] },
  pay: { permissions: ['pay'], acr: ['urn:example:mfa'], maxAge: 300 },
});
// #endregion

// #region client
/**
 * Lets an official client follow a step-up challenge. By itself it would refresh its token, which is no sign-in, or sign in
 * without saying how: the challenge is kept on its way in, and the authorization request is completed on its way out.
 */
export function followStepUp(provider: OAuthClientProvider, send: typeof fetch = fetch): typeof fetch {
  let asked: readonly (readonly [name: string, value: string])[] = [];
  const tokens = provider.tokens.bind(provider);
  const saveTokens = provider.saveTokens.bind(provider);
  const redirectToAuthorization = provider.redirectToAuthorization.bind(provider);

  provider.tokens = async (...given) => {
    const known = await tokens(...given);
    if (known === undefined || asked.length === 0) return known;
    const { refresh_token: _noSignIn, ...rest } = known;
    return rest;
  };
  provider.redirectToAuthorization = (url, ...given) => {
    for (const [name, value] of asked) url.searchParams.set(name, value);
    // OpenID providers take these parameters from those who ask for an ID token as well.
    const scope = url.searchParams.get('scope') ?? '';
    if (asked.length > 0) url.searchParams.set('scope', `openid ${scope}`.trim());
    return redirectToAuthorization(url, ...given);
  };
  provider.saveTokens = (...given) => {
    asked = [];
    return saveTokens(...given);
  };

  return async (input, init) => {
    const response = await send(input, init);
    const challenge = response.headers.get('www-authenticate') ?? '';
    if (challenge.includes('error="insufficient_user_authentication"')) {
      const parameters = challenge.matchAll(/\b(acr_values|max_age)="([^"]*)"/g);
      asked = [...parameters].map(([, name = '', value = '']) => [name, value]);
    }
    return response;
  };
}
// #endregion
