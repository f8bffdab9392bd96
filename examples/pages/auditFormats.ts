// What the page on audit formats shows.
import type { Logger } from 'winston';
import { auditLog, openAuditTrail, type AuditTrail, type Middleware, type Signer } from '../../lib/index.js';

export async function logs(
  logger: Logger,
  file: string,
  signer: Signer,
): Promise<{ readonly log: Middleware; readonly trail: AuditTrail }> {
  // #region formats
  const log = auditLog({ sink: logger, format: 'ecs' });
  const trail = await openAuditTrail({ file, signer, sinks: [logger], format: 'ocsf' });
  // #endregion
  return { log, trail };
}
