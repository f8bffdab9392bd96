// What all three servers mount. Each has a policy of its own for its tools.
import {
  authenticate,
  authorizeScopes,
  callStackGuard,
  oidc,
  type AnyMiddleware,
  type KeyStore,
  type Tools,
  type TrustedKeys,
} from '../../lib/index.js';
import { NAMES, type Settings } from './settings.js';

/** How deep and how wide calls may get, on each of the servers. */
export const [MAX_DEPTH, MAX_CALLS] = [4, 5] as const;

// #region guard
export function checks({ name, resources, issuer, agent }: Settings, tools: Tools, keys: KeyStore): AnyMiddleware[] {
  const resource = resources[name];
  // Every server that sees a chain knows the keys of all that may have signed it. Users call the first one alone, so
  // that chains start there, or with the agent.
  const trust: TrustedKeys[] = NAMES.map((peer) => ({
    owner: resources[peer],
    clientId: peer,
    mayRoot: peer === 'reports',
    jwksUri: new URL('/.well-known/jwks.json', resources[peer]).href,
  }));
  const identity = { resource, signer: keys.signer('call-chain') };
  return [
    authenticate({ issuers: [oidc({ issuer })], resource }),
    authorizeScopes({ tools }),
    callStackGuard({
      tools,
      identity,
      trust: [...trust, { ...agent, mayRoot: true }],
      maxDepth: MAX_DEPTH,
      maxCalls: MAX_CALLS,
    }),
  ];
}
// #endregion
