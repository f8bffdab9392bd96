import { SignatureError } from './error.js';

const REPLACEMENT = '\ufffd';
const LEFT_ALONE = /[!'()~]/g;

/**
 * The value of a query parameter, percent-encoded anew (RFC 9421 section 2.2.8).
 * @throws {SignatureError} `component_missing`; `component_invalid` for a name that occurs twice and for bytes that are not UTF-8
 */
export function queryParameter(query: string, encodedName: string): string {
  const name = decoded(encodedName);
  const values = new URLSearchParams(query).getAll(name);
  const [value] = values;
  if (value === undefined) throw new SignatureError('component_missing', 'A covered query parameter is missing');
  // Whatever is not UTF-8 decodes to the same character, so that a signature would fit many values.
  if (values.length > 1 || encode(name) !== encodedName || `${name}${value}`.includes(REPLACEMENT)) {
    throw new SignatureError('component_invalid', 'A covered query parameter is ambiguous');
  }
  return encode(value);
}

function decoded(encodedName: string): string {
  try {
    return decodeURIComponent(encodedName);
  } catch {
    throw new SignatureError('component_invalid', 'The name of a query parameter is not percent-encoded UTF-8');
  }
}

/** The application/x-www-form-urlencoded percent-encode set of the URL standard, which leaves fewer characters alone. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(LEFT_ALONE, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}
