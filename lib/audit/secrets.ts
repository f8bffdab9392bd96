import type { RequestContext } from '../context.js';
import { ownText } from '../memo.js';
import { MASK } from './secrets/mask.js';
import { maskNamed } from './secrets/named.js';
import { isSecretName } from './secrets/names.js';

export { isSecretName, MASK };

/** Texts that are secrets by their form, or by what stands around them. */
const SHAPES: readonly (readonly [form: RegExp, put: string])[] = [
  [/-----BEGIN[ +][A-Z0-9 +]+-----[\s\S]*?(?:-----END[ +][A-Z0-9 +]+-----|$)/g, MASK],
  // A JOSE object, or its header alone: base64url of `{"`.
  [/eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*/g, MASK],
  [/\b(Bearer|DPoP|Negotiate|Digest)(?:\s|%20|\+)+[A-Za-z0-9._~+/=%-]{6,}/gi, `$1 ${MASK}`],
  // Words are no credentials: those hold a capital letter, a digit or an equals sign.
  [
    /\b[Bb][Aa][Ss][Ii][Cc]\s+(?=[a-z+/]*[A-Z0-9=])(?:[A-Za-z0-9+/]{4}){2,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?![A-Za-z0-9+/=])/g,
    `Basic ${MASK}`,
  ],
  [/(:\/\/)[^\s/?#@]*@(?:[^\s/?#@]*@)*/g, `$1${MASK}@`],
  // A header with several values, up to the end of its line or of the quotes around it.
  [
    /\b((?:proxy-)?authorization|(?:set-)?cookie)(\s*:\s*)(?!(?:\w+ )?\[masked\](?:["'\\\r\n]|$))[^\s"'\\][^\r\n"'\\]+/gi,
    `$1$2${MASK}`,
  ],
  // The code of an authorization server in a query. Elsewhere a code is seldom a secret.
  [/((?:[?&#]|&amp;|\\u0026)code=)(?!\[masked\])[^\s"'&;,<>\\#]{2,}/gi, `$1${MASK}`],
  // `login user password word`, as in .netrc. A name ends in no `+`: each of a run of them could be its end.
  [
    /((?:machine|login|account)(?:[\s+]|\\+[nrt])+(?![\s+])[^\s\\+](?:[^\s\\]{0,126}[^\s\\+])?(?:[\s+]|\\+[nrt])+(?![\s+])passw(?:or)?d(?:[\s+]|\\+[nrt])+(?![\s+]))(?!\[masked\])(?:(["'])(?:(?!\2)[^\r\n])+|(?:[^\s"'\\]|\\(?!["'\\]))+)/gi,
    `$1$2${MASK}`,
  ],
  [/(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{12,}/g, MASK],
  [
    /(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_|glpat-|npm_|hf_|xox[abeoprs]-|xapp-|ya29\.|pypi-|shpat_|dop_v1_)[\w.-]{10,}/g,
    MASK,
  ],
  [
    /(?<![A-Za-z0-9])(?:AIza[\w-]{30,}|sk-[\w-]{16,}|[prs]k_(?:live|test)_\w{10,}|SG\.[\w-]{16,}\.[\w-]{16,}|whsec_\w{16,})/g,
    MASK,
  ],
];
/** Whether any of them can be there: one look at texts that hold no secret, which is most of them. By first letters. */
const SUSPECT =
  /[:=]|<[^/]|--?[a-z]|%3[ad]|a(?:[ksbcgirn][a-z]a|iza)|b(?:asic|earer|egin[ +])|d(?:igest|op_v1_|pop)|eyj|g(?:h[pousr]_|ithub_pat_|lpat-)|hf_|k_(?:live|test)_|n(?:egotiate|pm_)|p(?:assw|ypi-)|s(?:g\.|hpat_|k-)|whsec_|x(?:app-|ox)|ya29/i;
const SHORTEST = 6;
/** How often a text may be encoded over again. */
const MOST_ENCODINGS = 3;
const ENCODED = /%[2-7][0-9a-f]/i;
const ENCODED_ALL = /%[2-7][0-9a-f]/gi;

/** Long and of three kinds of characters, as random keys are and words are not. */
const RANDOM = /(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{32,}={0,2}/g;
const CARD = /(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)/g;

/** Private members of a JWK (RFC 7518 section 6), in texts that hold one. */
const JWK_MEMBER = /(?<![\w-])((?:d|dp|dq|k|p|priv|q|qi|r|t)["'\\]*[\s+]*[:=][\s+]*["'\\]*)[\w-]{2,}/g;

/** Masks what is a secret by its form or its name, and what the request itself proves its caller with. */
export function maskSecrets(text: string, own?: OwnSecrets): string {
  if (text.length < SHORTEST) return text;
  const masked = maskSlashes(maskPlain(text, own), own);
  return masked.includes('%') ? maskEncoded(masked, own) : masked;
}

/** Names without a secret, which most requests have in common: a URL has to be looked through a dozen times. */
const harmless = new Set<string>();
const LONGEST_NAME = 256;

/** As `maskSecrets` does, for texts that come again and again. */
export function maskName(name: string, own: OwnSecrets): string {
  if (name.includes('%') || name.length > LONGEST_NAME) return maskSecrets(name, own);
  const open = own.mask(name);
  if (harmless.has(open)) return open;
  const masked = maskSecrets(open);
  if (masked === name && harmless.size < MOST_NAMES) harmless.add(ownText(name));
  return masked;
}

/** JSON may write a slash with a backslash, as that of PHP does. Where that hides a secret, it is the other text that is kept. */
function maskSlashes(text: string, own: OwnSecrets | undefined): string {
  if (!text.includes('\\/')) return text;
  const plain = text.replaceAll('\\/', '/');
  const masked = maskPlain(plain, own);
  return masked === plain ? text : masked;
}

/** Where the percent-encoding of a text hides a secret, it is the decoded text that is kept, masked. */
function maskEncoded(text: string, own: OwnSecrets | undefined): string {
  let kept = text;
  let decoded = text;
  for (let times = 0; times < MOST_ENCODINGS && ENCODED.test(decoded); times += 1) {
    decoded = decoded.replace(ENCODED_ALL, (code) => String.fromCharCode(parseInt(code.slice(1), 16)));
    const masked = maskPlain(decoded, own);
    if (masked !== decoded) kept = decoded = masked;
  }
  return kept;
}

function maskPlain(text: string, own: OwnSecrets | undefined): string {
  let masked = own === undefined ? text : own.mask(text);
  if (!SUSPECT.test(masked)) return masked;
  for (const [form, put] of SHAPES) masked = masked.replace(form, put);
  if (masked.includes('kty')) masked = masked.replace(JWK_MEMBER, `$1${MASK}`);
  return maskNamed(masked);
}

/** Masks what looks random, as keys of unknown kinds do. */
export function maskRandom(text: string): string {
  if (text.length < 32) return text;
  return text.replace(RANDOM, (run) => (/[a-z]/.test(run) && /[A-Z]/.test(run) && /\d/.test(run) ? MASK : run));
}

/** Masks numbers of payment cards (ISO/IEC 7812-1 annex B). */
export function maskCards(text: string): string {
  return text.length < 13 ? text : text.replace(CARD, (digits) => (isLuhn(digits.replace(/\D/g, '')) ? MASK : digits));
}

function isLuhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const digit = Number(digits[digits.length - 1 - at]);
    const doubled = digit * 2;
    sum += at % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

const SECRET_HEADERS = ['authorization', 'proxy-authorization', 'dpop', 'cookie', 'mcp-session-id', 'signature'];
/** What is shorter is no secret, and would be found in everything. */
const SHORTEST_OWN = 8;
/** In a text up to this length it is looked for piece by piece, since taking the headers apart takes longer. */
const SHORT_TEXT = 128;
/** What is looked for, and how far apart: the shortest secret holds one of these pieces, wherever it begins. */
const PIECE = 4;
const STRIDE = SHORTEST_OWN - PIECE + 1;
/** After so many, having taken the headers apart takes less. */
const FEW_TEXTS = 32;
/** How many parts of headers are looked for: a client may send thousands, and as many texts to look through. */
const MOST_OWN = 100;
const MOST_NAMES = 1000;

type Headers = RequestContext['request']['headers'];

/** What one request carries in its headers to prove its caller: secret wherever else it turns up. */
export class OwnSecrets {
  readonly #headers: Headers;
  #lines: readonly string[] | undefined;
  #values: readonly string[] | undefined;
  #looks = 0;

  constructor(headers: Headers) {
    this.#headers = headers;
  }

  mask(text: string): string {
    if (text.length < SHORTEST_OWN) return text;
    const lines = (this.#lines ??= secretLines(this.#headers));
    if (text.length <= SHORT_TEXT && (this.#looks += 1) <= FEW_TEXTS && !sharesPiece(text, lines)) return text;
    let masked = text;
    for (const value of (this.#values ??= valuesOf(lines))) {
      if (masked.includes(value)) masked = masked.replaceAll(value, MASK);
    }
    return masked;
  }
}

/** Whether a piece of a text is in one of the lines, as one of each secret in it is. */
function sharesPiece(text: string, lines: readonly string[]): boolean {
  for (let at = 0; at + PIECE <= text.length; at += STRIDE) {
    const piece = text.slice(at, at + PIECE);
    if (lines.some((line) => line.includes(piece))) return true;
  }
  return false;
}

function secretLines(headers: Headers): readonly string[] {
  const found: string[] = [];
  for (const name of Object.keys(headers)) if (isSecretHeader(name)) found.push(...(headers[name] ?? []));
  return found;
}

/** Names of headers, which most requests have in common. */
const known = new Map<string, boolean>();

function isSecretHeader(name: string): boolean {
  const found = known.get(name);
  if (found !== undefined) return found;
  const isSecret = SECRET_HEADERS.includes(name) || isSecretName(name, '');
  if (known.size < MOST_NAMES) known.set(ownText(name), isSecret);
  return isSecret;
}

/** The whole value first, then its parts: a token without its scheme, one of several cookies, a part of a JWT. */
function valuesOf(lines: readonly string[]): readonly string[] {
  const long: string[] = [];
  for (const line of lines) {
    for (const value of [line, ...line.split(/[\s;,=.:"]+/)]) if (value.length >= SHORTEST_OWN) long.push(value);
  }
  // Whether one is there twice matters only where some are left out.
  const values = long.length > MOST_OWN ? [...new Set(long)] : long;
  return values.sort((a, b) => b.length - a.length).slice(0, MOST_OWN);
}
