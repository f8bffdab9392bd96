import type { Denied } from '../decision.js';
import type { DenialType } from './events.js';

/** Checks whose every denial is of one theme. */
const BY_CHECK: ReadonlyMap<string, DenialType> = new Map<string, DenialType>([
  ['authenticate', 'authentication_failed'],
  ['authorizeScopes', 'authorization_failed'],
  ['verifySignature', 'signature_failed'],
  ['callStackGuard', 'call_chain_violated'],
  ['rateLimit', 'rate_exceeded'],
  ['bindSession', 'session_denied'],
  ['validateOrigin', 'origin_denied'],
  ['publishTools', 'definition_denied'],
]);

/** Codes that any check may meet, as what they are about was read or proven for it. */
const BY_CODE: ReadonlyMap<string, DenialType> = new Map<string, DenialType>([
  ['unavailable', 'dependency_failed'],
  ['internal_error', 'check_failed'],
  ['header_mismatch', 'header_mismatched'],
  ['header_duplicate', 'header_mismatched'],
  ['caller_unproven', 'authentication_failed'],
  ['json_malformed', 'message_malformed'],
  ['rpc_malformed', 'message_malformed'],
  ['body_incomplete', 'message_malformed'],
  ['content_unexpected', 'message_malformed'],
  ['body_too_large', 'message_malformed'],
  ['encoding_unsupported', 'message_malformed'],
  ['media_type_unsupported', 'message_malformed'],
]);

/** The theme of a denial. */
export function denialType({ middleware, code, detail }: Denied): DenialType {
  if (detail?.['reason'] === 'replayed' || code.endsWith('_replayed')) return 'replay_detected';
  return BY_CODE.get(code) ?? BY_CHECK.get(middleware) ?? 'request_denied';
}
