/**
 * Why a trail cannot be opened. `trail_locked`: another process writes to it. `trail_unsafe`: others can reach its
 * file. `trail_changed`: its last record is not what was written. `trail_folder_missing`: there is nowhere to put it.
 */
export type AuditTrailErrorCode = 'trail_locked' | 'trail_unsafe' | 'trail_changed' | 'trail_folder_missing';

/** A trail cannot be opened. The text says what to do. */
export class AuditTrailError extends Error {
  override readonly name = 'AuditTrailError';
  readonly code: AuditTrailErrorCode;

  constructor(code: AuditTrailErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}
