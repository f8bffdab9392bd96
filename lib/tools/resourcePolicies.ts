import { entriesOf, readPolicy, type AccessPolicy, type Rule } from './policies.js';
import { decoded, hasUntidyEscape, meaningsOf, normalUri, withoutSlash } from './resourceUris.js';

/** The policies of resources. */
export interface ResourcePolicies {
  /**
   * What must agree before a URI is used: the policy of exactly this URI alone, else those of every template that
   * matches. Empty when no policy knows the URI.
   */
  readonly of: (uri: string) => readonly Rule[];
  /** The policy of a template by its own text, as clients name it while they complete its variables. */
  readonly ofTemplate: (template: string) => readonly Rule[] | undefined;
}

interface Exact {
  readonly key: string;
  readonly rule: Rule;
}

interface Template {
  /** Matches a URI that is written like the template. */
  readonly written: RegExp;
  /** Matches what any URI means that a handler may take for such a one. */
  readonly meant: RegExp;
  readonly names: readonly string[];
  readonly policy: AccessPolicy;
}

const SCHEME = /^[a-z][a-z0-9+.-]*:/;
const VARIABLE = /\{([^{}]*)\}|\*/g;
const VARIABLE_NAME = /^\+?[A-Za-z_][A-Za-z0-9_]*$/;
const SEGMENT = '([^/?#]+)';
const SEGMENTS = '([^/?#]+(?:/[^/?#]+)*)';
/** Escapes that turn into a separator, a control character or another escape once a handler decodes them. */
const TREACHEROUS = /%(?:25|2F|5C|7F|[01][0-9A-F])|\\/;
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/;
const NO_VARIABLES: NonNullable<Rule['variables']> = Object.freeze({});

/**
 * Reads policies by exact URI or by template: `{name}` stands for one path segment or a part of one; `{+name}` or `*`,
 * at the end and after a slash, for everything below. Neither reaches into a query or a fragment.
 *
 * Whether a URI is known depends on how it is written; what must agree depends on what it means, so that another
 * spelling (escapes, case, a slash at the end) never gets around a policy.
 * @throws {TypeError} for a template that is ambiguous or not in normal form
 */
export function readResourcePolicies(
  label: string,
  record: Readonly<Record<string, AccessPolicy | readonly string[]>>,
): ResourcePolicies {
  const exact = new Map<string, readonly Exact[]>();
  const templates = new Map<string, Template>();
  for (const [key, value] of entriesOf(label, record)) {
    const name = `${label}: '${key}'`;
    const policy = readPolicy(name, value);
    assertNormal(label, key);
    if (key.search(VARIABLE) >= 0) templates.set(key, compile(name, key, policy));
    else {
      const meaning = foldCase(withoutSlash(decodedPart(name, key)));
      exact.set(meaning, [...(exact.get(meaning) ?? []), { key, rule: { policy, variables: NO_VARIABLES } }]);
    }
  }
  const namedBy = (meaning: string): readonly Exact[] => exact.get(foldCase(meaning)) ?? [];
  return {
    of: (uri) => {
      const normal = normalUri(uri);
      const meanings = normal === undefined ? [] : meaningsOf(normal);
      const [first] = meanings;
      if (normal === undefined || first === undefined) return [];
      const own = namedBy(first);
      if (own.some(({ key }) => key === normal)) return own.map(({ rule }) => rule);
      const matched = match([...templates.values()], normal, meanings);
      return matched.length === 0 ? [] : [...meanings.flatMap(namedBy).map(({ rule }) => rule), ...matched];
    },
    ofTemplate: (template) => {
      const policy = templates.get(template)?.policy;
      return policy && [{ policy }];
    },
  };
}

/** Nothing unless a template matches the URI as it is written; else all that match one of its meanings. */
function match(templates: readonly Template[], normal: string, meanings: readonly string[]): readonly Rule[] {
  const known = templates.filter(({ written }) => written.test(normal));
  if (known.length === 0) return [];
  const rules = new Map<Template, Rule>();
  for (const template of templates) {
    const values = meanings.map((meaning) => template.meant.exec(meaning)?.slice(1)).find((found) => found);
    if (values === undefined) continue;
    if (!values.every(isHarmless)) return [];
    rules.set(template, { policy: template.policy, variables: variablesOf(template.names, values) });
  }
  // Accents that are composed may leave a template: then it is not known what was meant.
  return known.every((template) => rules.has(template)) ? [...rules.values()] : [];
}

/** `URL` resolves dot segments only where a scheme has paths, and never those that hide in an escape. */
function isHarmless(value: string): boolean {
  return !TREACHEROUS.test(value) && !DOT_SEGMENT.test(value);
}

/** Of harmless values, in which nothing but `?` and `#` is escaped any more. */
function variablesOf(names: readonly string[], values: readonly string[]): NonNullable<Rule['variables']> {
  return Object.freeze(Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(values[index] ?? '')])));
}

function compile(label: string, template: string, policy: AccessPolicy): Template {
  const variables = [...template.matchAll(VARIABLE)];
  const names = variables.map(([text, name = '+']) => nameOf(label, template, text, name));
  if (new Set(names).size < names.length) throw new TypeError(`${label} names a variable twice`);
  let written = '';
  let meant = '';
  let end = 0;
  for (const { 0: text, index } of variables) {
    const literal = template.slice(end, index);
    // Two variables in one segment could share it in many ways, and take long to find out.
    if (end > 0 && !literal.includes('/')) throw new TypeError(`${label} has two variables in one segment`);
    written += escape(literal) + (isOpen(text) ? `${SEGMENTS}/?` : SEGMENT);
    meant += escape(decodedPart(label, literal)) + (isOpen(text) ? SEGMENTS : SEGMENT);
    end = index + text.length;
  }
  const rest = template.slice(end);
  written += escape(rest);
  meant += escape(withoutSlash(decodedPart(label, rest)));
  return { written: new RegExp(`^${written}$`), meant: new RegExp(`^${meant}$`, 'iu'), names, policy };
}

/** @throws {TypeError} when it can have no meaning */
function decodedPart(label: string, part: string): string {
  const text = decoded(part);
  if (text === undefined) throw new TypeError(`${label} would never match; it has an escape that is not UTF-8`);
  return text;
}

/** Hosts, and the files of many systems, are the same in upper and lower case. */
function foldCase(text: string): string {
  return text.toLowerCase();
}

function isOpen(text: string): boolean {
  return text === '*' || text.startsWith('{+');
}

function nameOf(label: string, template: string, text: string, name: string): string {
  if (text !== '*' && !VARIABLE_NAME.test(name)) {
    throw new TypeError(`${label} has the variable '${text}'; use {name}, or {+name} at the end`);
  }
  if (isOpen(text) && !template.endsWith(`/${text}`)) {
    throw new TypeError(`${label} has '${text}' before its end or without a slash before it; use {name} there`);
  }
  return text === '*' ? '*' : name.replace('+', '');
}

/** A key that `URL` writes in another way would never match. */
function assertNormal(label: string, key: string): void {
  if (!SCHEME.test(key)) throw new TypeError(`${label}: '${key}' is not an absolute URI`);
  const sample = key.replace(VARIABLE, 'x');
  const normal = URL.canParse(sample) ? new URL(sample).toString() : undefined;
  if (normal === sample && !hasUntidyEscape(sample)) return;
  throw new TypeError(`${label}: '${key}' would never match; ${fixOf(sample, normal)}`);
}

function fixOf(sample: string, normal: string | undefined): string {
  if (normal === undefined) return 'it is not an absolute URI';
  if (normal !== sample) return `'${sample}' is written '${normal}'`;
  return 'write escapes in upper case, and letters, digits and -._~ without';
}

function escape(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
