import { readJson } from '../../json/read.js';
import { maskBehind } from './flags.js';
import { MASK } from './mask.js';
import { isSecretName, SECRET_ENDS } from './names.js';
import { isLabelled, labelledBy, type Labelled } from './pairs.js';

/** Private members of a JWK (RFC 7518 section 6, and `priv` of keys of type AKP). */
const PRIVATE_JWK: ReadonlySet<string> = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth', 'priv']);

/** How JSON begins that has members. Of texts that do, most that are none are known by it, as `[INFO] ...` is. */
const START = /^\s*(?:\{\s*["}]|\[\s*(?:["{[\]\d-]|true|false|null))/;
/** Characters that are written as they are by everybody who has nothing to hide. */
const HIDDEN = /\\u00[2-7]/i;
/** What is in every text of which anything is masked: one look is faster than to take it apart. */
const SUSPECT = new RegExp(`kty|\\\\u00[2-7]|${SECRET_ENDS.replaceAll('[_-]?', '[\\W_]*')}`, 'i');
/** How deep values, and JSON inside texts, are searched. */
const MOST_DEPTH = 32;
const MOST_TEXTS = 3;

/** What an object says of its members: whether it is a JWK, which has private ones, and what they are called by others. */
export interface AboutMembers {
  readonly ofJwk: boolean;
  readonly labelled: Labelled;
}

/** Looks at an object as a whole. `names` are those of its members. */
export function aboutMembers(value: object, names: readonly string[]): AboutMembers {
  return { ofJwk: names.includes('kty'), labelled: labelledBy(value, names) };
}

/** Whether what a member holds is a secret by its name, or by what the object says. */
export function isSecretMember(name: string, value: unknown, { ofJwk, labelled }: AboutMembers): boolean {
  if (value === null) return false;
  return isSecretName(name, value) || (ofJwk && PRIVATE_JWK.has(name)) || isLabelled(labelled, name, value);
}

/**
 * Masks the members of a text that is JSON, by the same names as those of a value. Nothing else in it is looked at. What
 * is no JSON stays as it is, and so does what has no such member.
 */
export function maskJson(text: string): string {
  return isSuspect(text) ? maskText(text, 0) : text;
}

/** Whether a text, or what it begins with, may be JSON that has such members. */
export function isSuspect(text: string): boolean {
  return START.test(text) && SUSPECT.test(text);
}

function maskText(text: string, within: number): string {
  const value = START.test(text) ? parse(text) : undefined;
  if (value === undefined) return text;
  if (within > MOST_TEXTS) return MASK;
  const masked = maskValue(value, { depth: 0, within });
  return masked === value && !HIDDEN.test(text) ? text : JSON.stringify(masked);
}

/** How many values, and how many texts, are around a value. */
interface Around {
  readonly depth: number;
  readonly within: number;
}

/** Gives the value itself where nothing in it is a secret. */
function maskValue(value: unknown, { depth, within }: Around): unknown {
  if (typeof value === 'string') return maskText(value, within + 1);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === MOST_DEPTH) return MASK;
  const around = { depth: depth + 1, within };
  return Array.isArray(value) ? maskList(value, around) : maskObject(value as Record<string, unknown>, around);
}

function maskList(values: readonly unknown[], around: Around): readonly unknown[] {
  const masked = values.map((value, index) => {
    const shown = maskBehind(values[index - 1], value);
    return shown === value ? maskValue(value, around) : shown;
  });
  return masked.some((value, index) => value !== values[index]) ? masked : values;
}

function maskObject(value: Readonly<Record<string, unknown>>, around: Around): object {
  const names = Object.keys(value);
  const about = aboutMembers(value, names);
  const members = names.map((name): readonly [string, unknown] => {
    const member = value[name];
    return [name, isSecretMember(name, member, about) ? MASK : maskValue(member, around)];
  });
  return members.some(([name, member]) => member !== value[name]) ? Object.fromEntries(members) : value;
}

/** A text that ends otherwise is no JSON, and an error takes long to make. */
function parse(text: string): unknown {
  const end = text.trimEnd().at(-1);
  return end === '}' || end === ']' ? readJson(text) : undefined;
}
