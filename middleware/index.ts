export { auditLog, type AuditLogOptions } from './auditLog.js';
export { authenticate, type Auth, type AuthenticateOptions } from './authenticate.js';
export { authorizeScopes, type Access, type AuthorizeScopesOptions } from './authorizeScopes.js';
export { bindSession, type BindSessionOptions } from './bindSession.js';
export { callStackGuard, type CallStackGuardOptions } from './callStackGuard.js';
export { publishTools, type PublishToolsOptions } from './publishTools.js';
export { rateLimit, type RateLimitOptions } from './rateLimit.js';
export { securityProfile, type SecurityProfile, type SecurityProfileOptions } from './securityProfile.js';
export { validateOrigin, type ValidateOriginOptions } from './validateOrigin.js';
export {
  verifySignature,
  type Observed,
  type Signature,
  type SignatureMode,
  type VerifySignatureOptions,
} from './verifySignature.js';
