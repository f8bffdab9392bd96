// Where the stores go when checks are mounted one by one. `securityProfile` takes all of them as `stores`.
import { signedApprovals, type Approvals } from '../../client/index.js';
import {
  authenticate,
  authorizeScopes,
  bindSession,
  callStackGuard,
  rateLimit,
  verifySignature,
  type Issuer,
  type KeyStore,
  type Stores,
  type Tools,
  type TrustedKeys,
} from '../../lib/index.js';
import { toExpress } from '../../adapters/express.js';

export function mount(
  stores: Stores,
  { resource, issuers, tools, keys }: { resource: string; issuers: Issuer[]; tools: Tools; keys: TrustedKeys[] },
): ReturnType<typeof toExpress> {
  // #region checks
  const checks = toExpress(
    authenticate({ issuers, resource, dpop: { replay: stores.replay }, revoked: stores.revocations }),
    verifySignature({ keys, resource, tools, replay: stores.replay }),
    bindSession({ store: stores.sessions }),
    rateLimit({ limit: 100, windowMs: 60_000, store: stores.rate }),
    authorizeScopes({ tools }),
    callStackGuard({ tools, identity: { resource }, replay: stores.replay, calls: stores.rate }),
  );
  // #endregion
  return checks;
}

/** In a client. */
export async function approvalsIn(stores: Stores, keyStore: KeyStore): Promise<Approvals> {
  const signer = keyStore.signer('approval');
  const keys = await keyStore.export({ purpose: 'approval' });
  // #region approvals
  const approvals = signedApprovals({ store: stores.approvals, signer, keys });
  // #endregion
  return approvals;
}
