import { maskFlags } from './flags.js';
import { MASK } from './mask.js';
import { isSecretInText, SECRET_ENDS } from './names.js';
import { maskPairs } from './pairs.js';
import { maskAt, type Place } from './place.js';

/** As YAML writes a text of several lines, and a list. */
const BLOCK = String.raw`[|>][-+\d]{0,2}[ \t]*(?:(?:\r?\n)+[ \t]+[^\r\n]*)+`;
const LIST = String.raw`-[ \t]+[^\r\n]+(?:\r?\n[ \t]*-[ \t]+[^\r\n]+)*`;
const SCALAR = String.raw`(\\*["'])(?!(?:\w+ )?\[masked\]\1)(?:(?!\1)\\?[^\r\n])+|(?!(?:\w+ )?\[masked\](?:[\s"'&;,<>\\]|$))(?:[^\s"'&;,<>\\]|\\(?!["'\\])){2,}`;

/**
 * `name=value`, `name: value` and their like. A value in quotes is all that they hold, which are escaped in JSON that is a
 * text of JSON. Neither a value that is masked already, nor the scheme in front of one.
 */
const ASSIGNED: Place = {
  name: new RegExp(`(${SECRET_ENDS})(?:\\\\*["'])?\\]?[\\s+]*(?:[:=]=?>?|%3[ad])(?:[\\s+]|%20)*`, 'gi'),
  isEnd: true,
  value: new RegExp(`${BLOCK}|${LIST}|${SCALAR}`, 'y'),
};

/** An element of XML. */
const ELEMENT: Place = { name: /<([\w:.-]+)(?:\s[^<>]*)?>/g, value: /(?!\[masked\]<)\s*[^\s<][^<]*/y };
/** One with several attributes, of which one may name what another holds. */
const ATTRIBUTES = /<[a-z][\w:.-]*(?:[\s+]+[\w:.-]+\s*=\s*(\\{0,31}["'])(?:(?!\1)[\s\S])*\1){2,}/gi;
const NAMING = /[\s+](?:key|name|id)\s*=\s*\\*["']([^"'\\]*)/gi;
const HELD = /([\s+]value\s*=\s*(\\*["']))(?!\[masked\])(?:(?!\2)[\s\S])+/gi;

/** Masks what the name that belongs to it says is a secret. */
export function maskNamed(text: string): string {
  let masked = maskPairs(maskAt(ASSIGNED, text));
  if (masked.includes('-')) masked = maskFlags(masked);
  if (masked.includes('<')) masked = maskAt(ELEMENT, masked).replace(ATTRIBUTES, maskHeld);
  return masked;
}

function maskHeld(element: string): string {
  const isSecret = [...element.matchAll(NAMING)].some(([, name = '']) => isSecretInText(name));
  return isSecret ? element.replace(HELD, `$1${MASK}`) : element;
}
