export { auditLog, type AuditLogOptions } from './auditLog.js';
export type { Auth } from './authenticate.js';
export { validateOrigin, type ValidateOriginOptions } from './validateOrigin.js';
