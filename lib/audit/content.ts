import { createHmac, type KeyObject } from 'node:crypto';
import { isObject } from '../rpc.js';
import { escapeText } from '../text.js';
import { MASK, maskCards, maskRandom, maskSecrets, type OwnSecrets } from './secrets.js';
import { maskBehind } from './secrets/flags.js';
import { aboutMembers, isSecretMember, isSuspect, maskJson } from './secrets/json.js';
import { maskNear, nearOf } from './secrets/near.js';
import type { AuditedContent, AuditedJson } from './record.js';

/**
 * How much of the arguments and results of tools is recorded.
 *
 * `none`: nothing. `keys`: the names of their members. `digest`: an HMAC that shows whether two were the same.
 * `redacted`: values, cut to what is readable, without what looks private or random. `full`: values. In every mode
 * what is secret by its name or its form is masked.
 */
export type AuditContentMode = 'none' | 'keys' | 'digest' | 'redacted' | 'full';

/** How far a value is followed. */
interface Limits {
  readonly depth: number;
  readonly nodes: number;
  readonly members: number;
  readonly text: number;
  /** All texts together, in UTF-16 units: what a client sends at length must neither take long nor fill the log. */
  readonly all: number;
  readonly isGuarded: boolean;
}

const REDACTED: Limits = { depth: 8, nodes: 500, members: 50, text: 256, all: 32_768, isGuarded: true };
const FULL: Limits = { depth: 32, nodes: 5000, members: 1000, text: 16_384, all: 131_072, isGuarded: false };
const MOST_KEYS = 50;

/** How much of the limits is used up. Values that stand in one record share it: a batch has no more than one message. */
export interface Spent {
  nodes: number;
  characters: number;
  /** UTF-16 units of long names, of tools, methods and resources. */
  names: number;
}

/** Nothing is used up yet. */
export function nothingSpent(): Spent {
  return { nodes: 0, characters: 0, names: 0 };
}

/** What is recorded of a value; nothing in mode `none`. */
export function contentOf(
  value: unknown,
  mode: AuditContentMode,
  key: KeyObject,
  own?: OwnSecrets,
  spent: Spent = nothingSpent(),
): AuditedContent | undefined {
  if (mode === 'none') return undefined;
  if (mode === 'keys') return Object.freeze({ keys: keysOf(value, own, spent) });
  if (mode === 'digest') return Object.freeze({ digest: digestOf(value, key) });
  const copy = new Copy(mode === 'full' ? FULL : REDACTED, own, spent);
  const kept = copy.of(value, 0);
  return Object.freeze(copy.masked === 0 ? { value: kept } : { masked: copy.masked, value: kept });
}

/** A copy in which nothing is secret and every text is escaped. */
export function safeCopy(value: unknown): AuditedJson {
  return new Copy(FULL, undefined, nothingSpent()).of(value, 0);
}

function keysOf(value: unknown, own: OwnSecrets | undefined, spent: Spent): readonly string[] {
  const names = isObject(value) ? Object.keys(value).slice(0, MOST_KEYS) : [];
  const copy = new Copy(REDACTED, own, spent);
  return Object.freeze(names.map((name) => copy.text(name, 64)).sort());
}

/** Keyed, since of a short value everything can be tried. */
function digestOf(value: unknown, key: KeyObject): string {
  return `hmac-sha256:${createHmac('sha256', key).update(textOf(value)).digest('hex')}`;
}

/** Sorted, so that two encodings of one value have one digest. What is too deep for that has a digest in common. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value ?? null, (_name, member: unknown) =>
      isObject(member) ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1))) : member,
    );
  } catch {
    return 'too deep';
  }
}

/** Copies one value, and counts what it leaves out. */
class Copy {
  masked = 0;
  readonly #spent: Spent;
  readonly #limits: Limits;
  readonly #own: OwnSecrets | undefined;

  constructor(limits: Limits, own: OwnSecrets | undefined, spent: Spent) {
    this.#limits = limits;
    this.#spent = spent;
    this.#own = own;
  }

  of(value: unknown, depth: number): AuditedJson {
    this.#spent.nodes += 1;
    if (typeof value === 'string') return this.text(value, this.#limits.text);
    if (typeof value === 'number') return this.#isCard(value) ? this.#leaveOut() : numberOf(value);
    if (typeof value === 'boolean' || value === null) return value;
    if (typeof value === 'bigint') return String(value);
    if (typeof value !== 'object') return null;
    // Each byte of it is a member.
    if (ArrayBuffer.isView(value)) return this.#leaveOut();
    if (depth === this.#limits.depth || this.#spent.nodes > this.#limits.nodes) return this.#leaveOut();
    return Array.isArray(value) ? this.#list(value, depth + 1) : this.#object(value, depth + 1);
  }

  #list(values: readonly unknown[], depth: number): AuditedJson {
    const kept = values.slice(0, this.#limits.members).map((value, index) => {
      const shown = maskBehind(values[index - 1], value);
      if (shown !== value) this.masked += 1;
      return this.of(shown, depth);
    });
    if (kept.length < values.length) kept.push(this.#leaveOut());
    return kept;
  }

  #object(value: object, depth: number): AuditedJson {
    // Without a prototype, since a client may call a member `__proto__`.
    const copy = Object.create(null) as Record<string, AuditedJson>;
    const names = Object.keys(value);
    const about = aboutMembers(value, names);
    for (const name of names.slice(0, this.#limits.members)) {
      const member = (value as Record<string, unknown>)[name];
      if (member === undefined) continue;
      copy[this.text(name, 128)] = isSecretMember(name, member, about) ? this.#leaveOut() : this.of(member, depth);
    }
    if (names.length > this.#limits.members) copy['...'] = this.#leaveOut();
    return copy;
  }

  text(text: string, most: number): string {
    if (this.#spent.characters > this.#limits.all) return this.#leaveOut();
    const near = nearOf(text, most);
    this.#spent.characters += near.length;
    // Of JSON whose end is not looked at nobody can tell what belongs to which name.
    if (near !== text && isSuspect(near)) return this.#leaveOut();
    const shown = maskNear(near === text ? maskJson(text) : text, most, (part) => this.#mask(part));
    if (shown.masked !== near || shown.masked.length > shown.most) this.masked += 1;
    const escaped = escapeText(shown.masked, shown.most);
    // An escape is several times as long as what it stands for.
    this.#spent.characters += Math.max(0, escaped.length - near.length);
    return escaped;
  }

  #mask(text: string): string {
    const open = maskSecrets(text, this.#own);
    return this.#limits.isGuarded ? maskCards(maskRandom(open)) : open;
  }

  #isCard(value: number): boolean {
    return this.#limits.isGuarded && maskCards(String(value)) === MASK;
  }

  #leaveOut(): string {
    this.masked += 1;
    return MASK;
  }
}

/** An integer that JSON readers would round differently is kept as a text. */
function numberOf(value: number): number | string {
  return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value)) ? value : String(value);
}
