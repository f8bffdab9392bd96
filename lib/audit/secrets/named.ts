import { MASK } from './mask.js';
import { isCount, isSecretInText, SECRET_ENDS } from './names.js';

/** How a name stands in a text, up to its value, and how that looks. */
interface Place {
  /** The first group is the name. */
  readonly name: RegExp;
  /** Whether that is only its end, since to look for that alone is faster. */
  readonly isEnd?: boolean;
  /** The first group are quotes, which stay. */
  readonly value: RegExp;
}

/**
 * `name=value`, `name: value` and their like. A value in quotes is all that they hold, which are escaped in JSON that is a
 * text of JSON. Neither a value that is masked already, nor the scheme in front of one.
 */
const ASSIGNED: Place = {
  name: new RegExp(`(${SECRET_ENDS})(?:\\\\*["'])?\\]?[\\s+]*(?:[:=]=?>?|%3[ad])(?:[\\s+]|%20)*`, 'gi'),
  isEnd: true,
  value:
    /(\\*["'])(?!(?:\w+ )?\[masked\]\1)(?:(?!\1)\\?[^\r\n])+|(?!(?:\w+ )?\[masked\](?:[\s"'&;,<>\\]|$))(?:[^\s"'&;,<>\\]|\\(?!["'\\])){2,}/y,
};

/** A flag of a command line. */
const FLAG: Place = {
  name: /-(?<![\w-]-)-?([a-z][\w-]*)[\s+]+/gi,
  value: /(?!\[masked\]|-)(?:(["'])(?:(?!\1)[^\r\n])+|[^\s"']{2,})/y,
};
/** `curl -u user:password`, in quotes and without. Two numbers are ids of a user and a group. */
const QUOTED_USER =
  /(-(?<![\w-]-)(?:[fgijklnsvGIJLNORS]{0,6}[uU]|-(?:proxy-)?user)(?:[\s+]+|=)(?![\s+])(\\*["'])(?!\d+:)[^\s:"'\\/=]{1,128}:)(?!\[masked\])(?:(?!\2)[^\r\n])+/g;
const USER =
  /(-(?<![\w-]-)(?:[fgijklnsvGIJLNORS]{0,6}[uU]|-(?:proxy-)?user)(?:[\s+]+|=)(?![\s+])(?!\d+:)[^\s:"'\\/=]{1,128}:)(?!\[masked\])(?:[^\s"'\\]|\\(?!["'\\]))+/g;

/** An element of XML. */
const ELEMENT: Place = { name: /<([\w:.-]+)(?:\s[^<>]*)?>/g, value: /(?!\[masked\]<)\s*[^\s<][^<]*/y };
/** One with several attributes, of which one may name what another holds. */
const ATTRIBUTES = /<[a-z][\w:.-]*(?:[\s+]+[\w:.-]+\s*=\s*(\\{0,31}["'])(?:(?!\1)[\s\S])*\1){2,}/gi;
const NAMING = /[\s+](?:key|name|id)\s*=\s*\\*["']([^"'\\]*)/gi;
const HELD = /([\s+]value\s*=\s*(\\*["']))(?!\[masked\])(?:(?!\2)[\s\S])+/gi;

const LONGEST = 64;
const BEFORE = /(\\?)([\w-]*)$/;
const ESCAPED = /^(?:u[\da-f]{4}|[bfnrt])/i;

/** Masks what the name that belongs to it says is a secret. */
export function maskNamed(text: string): string {
  let masked = maskAt(ASSIGNED, text);
  if (masked.includes('-')) masked = maskFlags(masked);
  if (masked.includes('<')) masked = maskAt(ELEMENT, masked).replace(ATTRIBUTES, maskHeld);
  return masked;
}

function maskFlags(text: string): string {
  return maskAt(FLAG, text).replace(QUOTED_USER, `$1${MASK}`).replace(USER, `$1${MASK}`);
}

function maskAt({ name, isEnd = false, value }: Place, text: string): string {
  let masked = '';
  let from = 0;
  name.lastIndex = 0;
  for (let found = name.exec(text); found !== null; found = name.exec(text)) {
    const [, end = ''] = found;
    const names = isEnd ? namesOf(text, found.index, end) : [end];
    if (!names.some(isSecretInText)) continue;
    value.lastIndex = name.lastIndex;
    const [secret, quote = ''] = value.exec(text) ?? [];
    if (secret === undefined || isCount(names[0] ?? '', secret)) continue;
    masked += text.slice(from, name.lastIndex) + quote + MASK;
    from = name.lastIndex = value.lastIndex;
  }
  return from === 0 ? text : masked + text.slice(from);
}

/** The name that ends so. What a backslash escapes in front of it may be none of it: `\npass=...` in JSON. */
function namesOf(text: string, at: number, end: string): readonly string[] {
  const [, backslash, start = ''] = BEFORE.exec(text.slice(Math.max(0, at - LONGEST), at)) ?? [];
  return backslash === '' ? [start + end] : [start + end, (start + end).replace(ESCAPED, '')];
}

function maskHeld(element: string): string {
  const isSecret = [...element.matchAll(NAMING)].some(([, name = '']) => isSecretInText(name));
  return isSecret ? element.replace(HELD, `$1${MASK}`) : element;
}
