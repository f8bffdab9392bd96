import { MASK } from './mask.js';
import { isCount, isSecretInText } from './names.js';

/** How a name stands in a text, up to its value, and how that looks. */
export interface Place {
  /** The first group is the name. */
  readonly name: RegExp;
  /** Whether that is only its end, since to look for that alone is faster. */
  readonly isEnd?: boolean;
  /** The first group stays: quotes, and what is in front of them. */
  readonly value: RegExp;
  /** Whether a name is that of a secret. Default: as in any text. */
  readonly isSecret?: (name: string) => boolean;
}

const LONGEST = 64;
const BEFORE = /(\\?)([\w-]*)$/;
const ESCAPED = /^(?:u[\da-f]{4}|[bfnrt])/i;

/** Masks each value whose name is that of a secret. */
export function maskAt({ name, isEnd = false, value, isSecret = isSecretInText }: Place, text: string): string {
  let masked = '';
  let from = 0;
  name.lastIndex = 0;
  for (let found = name.exec(text); found !== null; found = name.exec(text)) {
    const [, end = ''] = found;
    const names = isEnd ? namesOf(text, found.index, end) : [end];
    if (!names.some(isSecret)) continue;
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
