/** How a token is presented: as it is (RFC 6750), or with a proof of the key it is bound to (RFC 9449). */
export type Scheme = 'bearer' | 'dpop';

/** A token, and the scheme under which it came. */
export interface Presented {
  readonly scheme: Scheme;
  readonly token: string;
}

/** What a header can carry as a token (RFC 6750 section 2.1, RFC 9110 section 11.2). */
const TOKEN68 = '[A-Za-z0-9\\-._~+/]+=*';
const WHOLE = new RegExp(`^${TOKEN68}$`);

/** Whether a header can carry a text as a token. */
export function isToken68(text: string): boolean {
  return WHOLE.test(text);
}

/** What the `Authorization` lines of a request hold. */
export type Credentials = Presented | { readonly problem: 'missing' | 'duplicate' | 'malformed' };

/** Reads the `Authorization` lines of a request. */
export type CredentialReader = (lines: readonly string[] | undefined) => Credentials;

/**
 * Prepares the reader of the token of a request (RFC 6750 section 2.1, RFC 9449 section 7.1). A scheme that is not
 * listed is no token; so is one in query or body.
 */
export function credentialReader(schemes: readonly Scheme[]): CredentialReader {
  const names = schemes.join('|');
  const token = new RegExp(`^(${names}) +(${TOKEN68})$`, 'i');
  const scheme = new RegExp(`^(?:${names})(?![^ \\t])`, 'i');
  return (lines) => {
    const [line, ...others] = lines ?? [];
    if (others.length > 0) return { problem: 'duplicate' };
    if (line === undefined) return { problem: 'missing' };
    const [, name, value] = token.exec(line) ?? [];
    if (name === undefined || value === undefined) return { problem: scheme.test(line) ? 'malformed' : 'missing' };
    return { scheme: name.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', token: value };
  };
}
