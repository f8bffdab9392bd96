// One trail that everything reports to: requests, keys and tools.
import { join } from 'node:path';
import {
  auditLog,
  authenticate,
  authorizeScopes,
  defineTools,
  openAuditTrail,
  openKeyStore,
  publishTools,
  validateOrigin,
  type AuditTrail,
  type Checkpoint,
  type Issuer,
  type KeyStore,
} from '../../lib/index.js';
import { toExpress } from '../../adapters/express.js';

const tools = defineTools({ read: { version: '1.0.0', permissions: ['file:read'] } });

export interface Wired {
  readonly trail: AuditTrail;
  readonly keys: KeyStore;
  /** For `app.use('/mcp', ...)`. */
  readonly checks: ReturnType<typeof toExpress>;
}

export async function wireTrail(
  folder: string,
  secret: string,
  resource: string,
  issuers: readonly Issuer[],
  sendElsewhere: (checkpoint: Checkpoint) => Promise<void>,
): Promise<Wired> {
  // #region open
  const trail = await openAuditTrail({
    file: join(folder, 'audit.jsonl'),
    // Asked for with the first checkpoint, when the store below is open.
    signer: { current: () => keys.signer('audit').current() },
    onCheckpoint: sendElsewhere,
  });
  const keys = await openKeyStore({
    directory: join(folder, 'keys'),
    secret,
    purposes: ['audit', 'definition'],
    onEvent: trail.onKeyEvent,
  });
  // #endregion
  // #region mount
  const checks = toExpress(
    auditLog({ trail, onFailure: 'deny' }),
    validateOrigin({ resource }),
    authenticate({ issuers, resource }),
    authorizeScopes({ tools }),
    publishTools({ tools, signer: keys.signer('definition'), resource, onEvent: trail.onToolEvent }),
  );
  // #endregion
  return { trail, keys, checks };
}
