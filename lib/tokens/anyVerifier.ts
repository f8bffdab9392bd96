import { introspector, isAsked } from './introspection.js';
import { decodeJwt, isOpaque, member } from './jwt.js';
import { tokenVerifier, type TokenVerifier, type VerifierOptions } from './verifier.js';

/**
 * Verifies JWTs by the keys of their issuers, and asks about others where an issuer of the list is asked.
 *
 * A JWT goes to the issuer that it names, or to nobody: one of another issuer is never sent anywhere.
 * @throws {TypeError} when several issuers would have to be asked about the same token, or a static key cannot be used
 */
export function anyVerifier(options: VerifierOptions): TokenVerifier {
  const { issuers } = options;
  const asked = issuers.filter(isAsked);
  const jwts = issuers.filter((issuer) => !isAsked(issuer));
  const [one, ...others] = asked;
  if (others.length > 0) {
    throw new TypeError(
      "authenticate: 'issuers' has several made by introspect, and an opaque token does not say whose it is",
    );
  }
  const byKeys = tokenVerifier({ ...options, issuers: jwts });
  if (one === undefined) return byKeys;
  const byAsking = introspector(one, options);
  const named = new Set(jwts.map(({ issuer }) => issuer));
  const isOf = (token: string): boolean => {
    const issuer = member(decodeJwt(token).claims, 'iss');
    return issuer === one.issuer && !named.has(issuer);
  };
  return async (token) => (isOpaque(token) || isOf(token) ? byAsking(token) : byKeys(token));
}
