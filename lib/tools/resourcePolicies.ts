import { entriesOf, readPolicy, type AccessPolicy, type Rule } from './policies.js';

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

interface Template {
  readonly pattern: RegExp;
  readonly names: readonly string[];
  readonly policy: AccessPolicy;
}

/** The longest URI that is looked at. */
const MAX_URI = 8192;
const SCHEME = /^[a-z][a-z0-9+.-]*:/;
const VARIABLE = /\{([^{}]*)\}|\*/g;
const VARIABLE_NAME = /^\+?[A-Za-z_][A-Za-z0-9_]*$/;
const SEGMENT = '([^/?#]+)';
const SEGMENTS = '([^/?#]+(?:/[^/?#]+)*/?)';
/** Escapes that turn into a separator, a dot, a control character or another escape once a handler decodes them. */
const TREACHEROUS = /%(?:25|2e|2f|5c|7f|[01][0-9a-f])|\\/i;
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/;
const NO_VARIABLES: NonNullable<Rule['variables']> = Object.freeze({});

/** The URI in the form in which MCP SDKs look resources up, or nothing when it is none. */
export function normalUri(uri: string): string | undefined {
  return uri.length <= MAX_URI && URL.canParse(uri) ? new URL(uri).toString() : undefined;
}

/**
 * Reads policies by exact URI or by template: `{name}` stands for one path segment or a part of one; `{+name}` or `*`,
 * at the end and after a slash, for everything below. Neither reaches into a query or a fragment.
 * @throws {TypeError} for a template that is ambiguous or not in normal form
 */
export function readResourcePolicies(
  label: string,
  record: Readonly<Record<string, AccessPolicy | readonly string[]>>,
): ResourcePolicies {
  const exact = new Map<string, readonly Rule[]>();
  const templates = new Map<string, Template>();
  for (const [key, value] of entriesOf(label, record)) {
    const policy = readPolicy(`${label}: '${key}'`, value);
    assertNormal(label, key);
    if (key.search(VARIABLE) < 0) exact.set(key, [{ policy, variables: NO_VARIABLES }]);
    else templates.set(key, compile(`${label}: '${key}'`, key, policy));
  }
  return {
    of: (uri) => {
      const normal = normalUri(uri);
      if (normal === undefined) return [];
      return exact.get(normal) ?? [...templates.values()].flatMap((template) => match(template, normal));
    },
    ofTemplate: (template) => {
      const policy = templates.get(template)?.policy;
      return policy && [{ policy }];
    },
  };
}

function match({ pattern, names, policy }: Template, uri: string): readonly Rule[] {
  const values = pattern.exec(uri)?.slice(1);
  if (values?.every(isHarmless) !== true) return [];
  const variables = Object.freeze(Object.fromEntries(names.map((name, index) => [name, values[index] ?? ''])));
  return [{ policy, variables }];
}

/** `URL` resolves dot segments only where a scheme has paths, and never those that hide in an escape. */
function isHarmless(value: string): boolean {
  return !TREACHEROUS.test(value) && !DOT_SEGMENT.test(value);
}

function compile(label: string, template: string, policy: AccessPolicy): Template {
  const variables = [...template.matchAll(VARIABLE)];
  const names = variables.map(([text, name = '+']) => nameOf(label, template, text, name));
  if (new Set(names).size < names.length) throw new TypeError(`${label} names a variable twice`);
  let source = '';
  let end = 0;
  for (const { 0: text, index } of variables) {
    const literal = template.slice(end, index);
    // Two variables in one segment could share it in many ways, and take long to find out.
    if (end > 0 && !literal.includes('/')) throw new TypeError(`${label} has two variables in one segment`);
    source += escape(literal) + (isOpen(text) ? SEGMENTS : SEGMENT);
    end = index + text.length;
  }
  return { pattern: new RegExp(`^${source}${escape(template.slice(end))}$`), names, policy };
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
  const normal = normalUri(sample);
  if (normal === sample) return;
  const fix = normal === undefined ? 'it is not an absolute URI' : `'${sample}' is written '${normal}'`;
  throw new TypeError(`${label}: '${key}' would never match; ${fix}`);
}

function escape(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
