/** What systems say of a connection that did not come about, in words. */
const REASONS: readonly (readonly [code: RegExp, text: string])[] = [
  [/^(?:ENOTFOUND|EAI_AGAIN)$/, 'its name is not known'],
  [/^ECONNREFUSED$/, 'nobody listens there'],
  [/^(?:ETIMEDOUT|UND_ERR_\w*TIMEOUT)$/, 'it took too long'],
  [/^(?:ECONNRESET|UND_ERR_SOCKET)$/, 'the connection was cut'],
  [/^(?:EHOSTUNREACH|ENETUNREACH)$/, 'no way leads there'],
  [/CERT|^ERR_TLS_|^ERR_SSL_|^EPROTO$|^UNABLE_TO_/, 'its TLS certificate or its TLS is not accepted'],
];

/** Why nobody answered, as a part of a sentence; nothing where that is not known. */
export function causeOf(error: Error): string {
  const code = codesOf(error).find((one) => /^[A-Z][A-Z0-9_]{2,63}$/.test(one));
  if (code === undefined) return '';
  const [, text] = REASONS.find(([pattern]) => pattern.test(code)) ?? [];
  return text === undefined ? ` (${code})` : `, ${text} (${code})`;
}

/** A fetch that fails says why in the cause of its error, and one that tried several addresses in a list. */
function codesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const { code } = error as { readonly code?: unknown };
  const parts: readonly unknown[] = error instanceof AggregateError ? error.errors : [];
  return [...(typeof code === 'string' ? [code] : []), ...parts.flatMap(codesOf), ...codesOf(error.cause)];
}
