import type { Check } from '../options.js';
import { entriesOf, readToolPolicy, type ToolPolicy } from './policies.js';
import { isToolName } from './toolName.js';

/** The tools of a server and who may use them. Frozen. Iterates over names and policies in the order of definition. */
export interface Tools extends Iterable<readonly [name: string, policy: ToolPolicy]> {
  /** The policy of a tool, or nothing when it is not defined. The case of the name counts. */
  readonly get: (name: string) => ToolPolicy | undefined;
  readonly names: readonly string[];
}

/** Only what `defineTools` made was checked. */
const registries = new WeakSet<object>();

/**
 * Defines the tools of a server, the only source of their policy. A tool that is not defined is denied.
 *
 * @throws {TypeError} for a name that is no MCP tool name, a member that is not known, or a permission that is none
 */
export function defineTools(definitions: Readonly<Record<string, ToolPolicy>>): Tools {
  const policies = new Map(entriesOf('defineTools: the definitions', definitions).map(readEntry));
  const tools: Tools = Object.freeze({
    get: (name: string) => policies.get(name),
    names: Object.freeze([...policies.keys()]),
    [Symbol.iterator]: () => policies.entries(),
  });
  registries.add(tools);
  return tools;
}

/** Whether a value was made by `defineTools`. */
export function isTools(value: unknown): value is Tools {
  return typeof value === 'object' && value !== null && registries.has(value);
}

export const definedTools: Check = (value) =>
  isTools(value) ? undefined : 'must be what defineTools({ ... }) returns';

function readEntry([name, policy]: [string, ToolPolicy]): [string, ToolPolicy] {
  const isName: boolean = isToolName(name);
  if (!isName) {
    throw new TypeError(`defineTools: '${name}' is not a tool name; use 1 to 128 letters, digits, '_', '-' and '.'`);
  }
  return [name, readToolPolicy(`defineTools: tool '${name}'`, policy)];
}
