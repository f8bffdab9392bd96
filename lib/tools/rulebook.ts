import { listOf, object, optional, type Checks } from '../options.js';
import { permission } from '../permissions.js';
import { definedTools, type Tools } from './defineTools.js';
import { entriesOf, readPolicy, type AccessPolicy, type Rule } from './policies.js';
import { readResourcePolicies } from './resourcePolicies.js';
import { BASE_METHODS, MAY_NAME_NOTHING, NAMING_METHODS, type Use } from './uses.js';

/** Policies by name. A bare list stands for the permissions of a policy. */
export type PoliciesByName = Readonly<Record<string, AccessPolicy | readonly string[]>>;

/** Who may use what. */
export interface RulebookOptions {
  /** What `defineTools` returned. */
  readonly tools: Tools;
  /** Prompts by name. Default: none may be used. */
  readonly prompts?: PoliciesByName;
  /**
   * Resources by exact URI or by template: `test://notes/{id}`, `file:///docs/*`. All templates that match must agree;
   * an exact URI is decided by its own policy alone. Default: none may be used.
   */
  readonly resources?: PoliciesByName;
  /**
   * Methods that are not decided by what they name, such as `tasks/get` or one of your own. Replaces `base` for the
   * method. `resources/subscribe` and `resources/unsubscribe` are meant as they are without a URI: to be told that there
   * is no such method. Default: the methods of MCP fall under `base`, all others and `tasks/*` are denied.
   */
  readonly methods?: PoliciesByName;
  /**
   * Permissions for talking to the server at all: plain MCP methods such as `initialize` and `tools/list`, responses of
   * the client, and requests without messages (GET, DELETE). Default: none, whoever is proven may.
   */
  readonly base?: readonly string[];
}

export interface Rulebook {
  /** What decides over messages that use nothing. */
  readonly base: readonly Rule[];
  /** All that must agree. Empty when no policy knows what is used. */
  readonly rulesFor: (use: Use) => readonly Rule[];
}

type RulesByName = ReadonlyMap<string, readonly Rule[]>;

const UNKNOWN: readonly Rule[] = Object.freeze([]);

/** One check for each option that is about policies. */
export const RULEBOOK_CHECKS: Checks<RulebookOptions> = {
  tools: definedTools,
  prompts: optional(object),
  resources: optional(object),
  methods: optional(object),
  base: optional(listOf(permission)),
};

/**
 * Reads policies into maps: a name that a client sends is looked up, and is never a member of an object.
 * @throws {TypeError} for a policy that is none, and for a method that is decided by what it names
 */
export function readRulebook(factory: string, options: RulebookOptions): Rulebook {
  const base = [{ policy: readPolicy(`${factory}: 'base'`, options.base ?? []) }];
  const resources = readResourcePolicies(`${factory}: 'resources'`, options.resources ?? {});
  const methods = readPolicies(`${factory}: 'methods'`, options.methods);
  for (const method of methods.keys()) assertOwnPolicy(factory, method);
  const named: Readonly<Record<'tool' | 'prompt' | 'method', RulesByName>> = {
    tool: new Map([...options.tools].map(([name, policy]) => [name, [{ policy }]])),
    prompt: readPolicies(`${factory}: 'prompts'`, options.prompts),
    method: new Map([...[...BASE_METHODS].map((method) => [method, base] as const), ...methods]),
  };
  return {
    base,
    rulesFor: ({ target: { kind, name }, completes = false }) => {
      if (kind !== 'resource') return named[kind].get(name) ?? UNKNOWN;
      return (completes ? resources.ofTemplate(name) : undefined) ?? resources.of(name);
    },
  };
}

function readPolicies(label: string, record: PoliciesByName = {}): RulesByName {
  const entries = entriesOf(label, record);
  if (entries.some(([name]) => name === '')) throw new TypeError(`${label} has a policy without a name`);
  return new Map(entries.map(([name, policy]) => [name, [{ policy: readPolicy(`${label}: '${name}'`, policy) }]]));
}

function assertOwnPolicy(factory: string, method: string): void {
  if (!NAMING_METHODS.has(method) || MAY_NAME_NOTHING.has(method)) return;
  throw new TypeError(
    `${factory}: 'methods' cannot decide over '${method}', which is decided by what it names; use 'tools', 'prompts' or 'resources'`,
  );
}
