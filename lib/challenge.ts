/** The parameters of one challenge. Those that are undefined are left out. */
export type ChallengeParameters = Readonly<Record<string, string | undefined>>;

/** Everything outside the characters that RFC 6750 section 3 allows in `error`, `error_description` and `scope`. */
const FORBIDDEN = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g;

/**
 * One `WWW-Authenticate` value (RFC 9110 section 11.6.1).
 *
 * Characters that could end a quoted string are dropped, not escaped: clients disagree about escapes.
 */
export function challenge(scheme: string, parameters: ChallengeParameters = {}): string {
  const list = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${value.replace(FORBIDDEN, '')}"`],
  );
  return list.length === 0 ? scheme : `${scheme} ${list.join(', ')}`;
}
