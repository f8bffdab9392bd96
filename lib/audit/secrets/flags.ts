import { MASK } from './mask.js';
import { isSecretInText, isSecretName } from './names.js';
import { maskAt, type Place } from './place.js';

/** A flag of a command line. */
const FLAG: Place = {
  name: /-(?<![\w-]-)-?([a-z][\w-]*)[\s+]+/gi,
  value: /(?!\[masked\]|-)(?:(["'])(?:(?!\1)[^\r\n])+|[^\s"']{2,})/y,
};
/** One that is an element of a list, in front of another element that is none. */
const LISTED: Place = {
  name: /(?<=["'])--?([a-z][\w-]*)\\*["'][\s+]*,[\s+]*(?=\\*["'](?!--?[a-z]))/gi,
  value: /(\\*["'])(?:(?!\1)\\?[^\r\n])+/y,
};

/** `curl -u user:password`. Two numbers are ids of a user and a group. */
const OF_USER = '(?:[fgijklnsvGIJLNORS]{0,6}[uU]|-(?:proxy-)?user)';
const USER = '(?!\\d+:)[^\\s:"\'\\\\/=]{1,128}:';
const BETWEEN = '(?:[\\s+]+|=)(?![\\s+])';
const QUOTED_USER = new RegExp(
  `(-(?<![\\w-]-)${OF_USER}${BETWEEN}(\\\\*["'])${USER})(?!\\[masked\\])(?:(?!\\2)[^\\r\\n])+`,
  'g',
);
const PLAIN_USER = new RegExp(
  `(-(?<![\\w-]-)${OF_USER}${BETWEEN}${USER})(?!\\[masked\\])(?:[^\\s"'\\\\]|\\\\(?!["'\\\\]))+`,
  'g',
);
const LISTED_USER = new RegExp(
  `((?<=["'])-${OF_USER}\\\\*["'][\\s+]*,[\\s+]*(\\\\*["'])${USER})(?!\\[masked\\])(?:(?!\\2)\\\\?[^\\r\\n])+`,
  'g',
);

/** An element of a list that is a flag, and those that name a user. */
const ELEMENT = /^--?([a-z][\w-]*)$/i;
const ELEMENT_OF_USER = new RegExp(`^-${OF_USER}$`);
const ELEMENT_USER = new RegExp(`^(${USER})[\\s\\S]+$`);

/** Masks in a text what flags say is a secret. */
export function maskFlags(text: string): string {
  const masked = maskAt(LISTED, maskAt(FLAG, text));
  return [QUOTED_USER, PLAIN_USER, LISTED_USER].reduce((all, user) => all.replace(user, `$1${MASK}`), masked);
}

/** Masks an element of a list where the one in front of it is a flag that says so; else it is given back as it is. */
export function maskBehind(before: unknown, value: unknown): unknown {
  const [flag, name] = typeof before === 'string' ? (ELEMENT.exec(before) ?? []) : [];
  if (flag === undefined || name === undefined) return value;
  if (isSecretBehind(name, value)) return MASK;
  const isUser = typeof value === 'string' && ELEMENT_OF_USER.test(flag);
  return isUser ? value.replace(ELEMENT_USER, `$1${MASK}`) : value;
}

function isSecretBehind(name: string, value: unknown): boolean {
  if (value === null || value === undefined || !isSecretInText(name)) return false;
  return typeof value === 'string' ? !ELEMENT.test(value) : isSecretName(name, value);
}
