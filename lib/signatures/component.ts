import { SignatureError } from './error.js';
import { serializeItem } from './serialize.js';
import type { BareItem, Item } from './structured.js';

/** One covered component of a message (RFC 9421 section 2): what it is called, and which part of the message it is. */
export interface Component {
  /** The identifier as it stands in the signature base: `"@method"`, `"example-dict";key="a"`. */
  readonly identifier: string;
  /** A field name in lower case, or the name of a derived component. */
  readonly name: string;
  /** Whether it names the whole of a header or derived component: it has no parameters. */
  readonly plain: boolean;
  /** Reserialized as a structured field (section 2.1.1). */
  readonly sf: boolean;
  /** One member of a dictionary (section 2.1.2). */
  readonly key: string | undefined;
  /** Each line wrapped as bytes (section 2.1.3). */
  readonly bs: boolean;
  /** Taken from the trailers (section 2.1.4). */
  readonly tr: boolean;
  /** Taken from the request that is answered (section 2.4). */
  readonly req: boolean;
  /** The query parameter that `@query-param` is about (section 2.2.8). */
  readonly parameter: string | undefined;
}

const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const FIELD_PARAMETERS: ReadonlySet<string> = new Set(['sf', 'key', 'bs', 'tr', 'req']);

/** Which parameters each derived component may have (section 2.2). */
const DERIVED: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['@method', new Set(['req'])],
  ['@target-uri', new Set(['req'])],
  ['@authority', new Set(['req'])],
  ['@scheme', new Set(['req'])],
  ['@request-target', new Set(['req'])],
  ['@path', new Set(['req'])],
  ['@query', new Set(['req'])],
  ['@query-param', new Set(['req', 'name'])],
  ['@status', new Set<string>()],
]);

/**
 * Reads one component identifier. A name that starts with `@` is never looked up as a field (section 7.5.1).
 * @throws {SignatureError} `component_invalid`
 */
export function readComponent(source: Item): Component {
  const name = source.item.type === 'string' ? source.item.value : '';
  const allowed = name.startsWith('@') ? DERIVED.get(name) : FIELD_NAME.test(name) ? FIELD_PARAMETERS : undefined;
  const { parameters } = source;
  if (allowed === undefined) throw invalid();
  for (const parameter of parameters.keys()) if (!allowed.has(parameter)) throw invalid();
  const component: Component = {
    identifier: serializeItem(source),
    name,
    plain: parameters.size === 0,
    sf: flag(parameters.get('sf')),
    key: text(parameters.get('key')),
    bs: flag(parameters.get('bs')),
    tr: flag(parameters.get('tr')),
    req: flag(parameters.get('req')),
    parameter: text(parameters.get('name')),
  };
  if (component.bs && (component.sf || component.key !== undefined)) throw invalid();
  if ((name === '@query-param') !== (component.parameter !== undefined)) throw invalid();
  return component;
}

function flag(value: BareItem | undefined): boolean {
  if (value === undefined) return false;
  if (value.type !== 'boolean' || !value.value) throw invalid();
  return true;
}

function text(value: BareItem | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (value.type !== 'string') throw invalid();
  return value.value;
}

function invalid(): SignatureError {
  return new SignatureError('component_invalid', 'A component identifier is not valid');
}
