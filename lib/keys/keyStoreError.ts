/** Why a key store cannot be used as asked. */
export type KeyStoreProblem =
  | 'key_unknown'
  | 'secret_wrong'
  | 'store_changed'
  | 'store_closed'
  | 'store_locked'
  | 'store_missing'
  | 'store_rolled_back'
  | 'store_unsafe'
  | 'store_version';

/** A key store cannot be used as asked. The text says what to do about it and never holds a secret. */
export class KeyStoreError extends Error {
  override readonly name = 'KeyStoreError';
  readonly code: KeyStoreProblem;

  constructor(code: KeyStoreProblem, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}
