import { MASK } from './mask.js';
import { isSecretName } from './names.js';
import { maskAt, type Place } from './place.js';

/** Ends of the names of members of which one says what another one holds: `{ "name": "password", "value": "..." }`. */
const NAMING = '(?:name|key|id|field|header|label)';
const HOLDING = 'values?';
const IS_NAMING = new RegExp(`${NAMING}$`, 'i');
const IS_HOLDING = new RegExp(`${HOLDING}$`, 'i');
/** What is longer names nothing: it is a sentence. */
const LONGEST = 64;

const COLON = '\\\\*["\']?[\\s+]*:[\\s+]*';
const LABEL = `${NAMING}${COLON}\\\\*["']([^"'\\\\]{1,${LONGEST}})\\\\*["']`;
const LABELS = new RegExp(LABEL, 'gi');
const HELD = new RegExp(`${HOLDING}${COLON}`, 'i');
/** The value may stand some members behind its name, in the same object. */
const BEHIND: Place = {
  name: new RegExp(LABEL, 'gi'),
  value: new RegExp(`([\\s+]*,[^{}]{0,256}?${HOLDING}${COLON}(\\\\*["']))(?:(?!\\2)\\\\?[^\\r\\n])+`, 'iy'),
  isSecret: isSecretLabel,
};
/** Whether the label comes behind is looked for afterwards: a pattern that asks for it could be held up by backslashes. */
const IN_FRONT = new RegExp(`(${HOLDING}${COLON}(\\\\*["']))(?:(?!\\2)\\\\?[^\\r\\n])+`, 'gi');
const REST = /^\\*["'][\s+]*,([^{}]*)/;
const FAR = 256;

/** Masks in a text what a member next to it says is a secret. */
export function maskPairs(text: string): string {
  if (!HELD.test(text)) return text;
  return maskAt(BEHIND, text).replace(
    IN_FRONT,
    (pair: string, start: string, _quote: string, at: number, all: string) => {
      const [, rest = ''] = REST.exec(all.slice(at + pair.length, at + pair.length + FAR)) ?? [];
      const isSecret = [...rest.matchAll(LABELS)].some(([, label = '']) => isSecretLabel(label));
      return isSecret ? start + MASK : pair;
    },
  );
}

function isSecretLabel(label: string): boolean {
  return isSecretName(label, '');
}

/** Whether members of an object say that its other ones hold a secret: as a text, and as a number or a flag. */
export interface Labelled {
  readonly text: boolean;
  readonly number: boolean;
}

const NONE: Labelled = Object.freeze({ text: false, number: false });
const ALL: Labelled = Object.freeze({ text: true, number: true });
/** Who sends more of them in one object hides something. */
const MOST_LABELS = 1000;

/** Looks once for all members. Most objects have none that hold something. */
export function labelledBy(value: object, names: readonly string[]): Labelled {
  if (!names.some((name) => IS_HOLDING.test(name))) return NONE;
  const labels = names
    .filter((name) => IS_NAMING.test(name))
    .map((name) => (value as Readonly<Record<string, unknown>>)[name])
    .filter((label): label is string => typeof label === 'string' && label.length <= LONGEST);
  if (labels.length > MOST_LABELS) return ALL;
  const isSaid = (one: string | number): boolean => labels.some((label) => isSecretName(label, one));
  return { text: isSaid(''), number: isSaid(0) };
}

/** Whether what a member holds is a secret by that. */
export function isLabelled({ text, number }: Labelled, name: string, value: unknown): boolean {
  const isSaid = typeof value === 'number' || typeof value === 'boolean' ? number : text;
  return isSaid && IS_HOLDING.test(name);
}
