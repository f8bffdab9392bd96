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

/** What members of an object say that its other ones hold. Most objects have none that hold something. */
export function labelsOf(value: object, names: readonly string[]): readonly string[] {
  if (!names.some((name) => IS_HOLDING.test(name))) return [];
  return names
    .filter((name) => IS_NAMING.test(name))
    .map((name) => (value as Readonly<Record<string, unknown>>)[name])
    .filter((label): label is string => typeof label === 'string' && label.length <= LONGEST);
}

/** Whether what a member holds is a secret by one of those. */
export function isLabelled(labels: readonly string[], name: string, value: unknown): boolean {
  return labels.length > 0 && IS_HOLDING.test(name) && labels.some((label) => isSecretName(label, value));
}
