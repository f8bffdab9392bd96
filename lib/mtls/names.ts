/** The subject alternative names of a certificate that can name a caller. */
export interface CertificateNames {
  readonly uri: readonly string[];
  /** In lower case. */
  readonly dns: readonly string[];
}

/** One name in the text form of Node: what could be taken for a separator is within quotes, as a JSON string. */
const NAME = /([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^",\\]*)(?:, |$)/y;

/**
 * Reads the subject alternative names from the text form that Node gives them.
 * @throws {Error} when the text has another form: a name is not guessed
 */
export function readNames(text: string | undefined): CertificateNames {
  const names: { uri: string[]; dns: string[] } = { uri: [], dns: [] };
  const pattern = new RegExp(NAME);
  for (let at = 0; at < (text ?? '').length; at = pattern.lastIndex) {
    pattern.lastIndex = at;
    const [, kind, written = ''] = pattern.exec(text ?? '') ?? [];
    if (kind === undefined) throw new Error('subject alternative names of an unknown form');
    const name = written.startsWith('"') ? (JSON.parse(written) as string) : written;
    if (kind === 'URI') names.uri.push(name);
    if (kind === 'DNS') names.dns.push(name.toLowerCase());
  }
  return Object.freeze({ uri: Object.freeze(names.uri), dns: Object.freeze(names.dns) });
}
