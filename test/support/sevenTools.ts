// Seven tools that have rules about each other, and the five calls that both sides agree to.
import type { ToolPolicy } from '../../lib/tools/policies.js';

/** Seven tools of a data pipeline, and what each of them says about the others. */
export const RULES = {
  'data-source': {
    allowedCallees: ['data-validator', 'schema-validator'],
    blockedCallees: ['data-sink', 'admin-tool'],
  },
  'data-validator': {
    allowedCallers: ['data-source', 'data-processor'],
    allowedCallees: ['data-processor', 'error-logger'],
    blockedCallers: ['admin-tool', 'external-api'],
  },
  'data-processor': {
    allowedCallers: ['data-validator'],
    allowedCallees: ['data-sink', 'audit-logger'],
    blockedCallees: ['admin-tool', 'external-api'],
  },
  'data-sink': {
    allowedCallers: ['data-processor'],
    allowedCallees: [],
    blockedCallers: ['data-source', 'admin-tool', 'external-api'],
  },
  'admin-tool': {
    allowedCallees: ['audit-logger', 'system-monitor'],
    blockedCallees: ['data-source', 'data-validator', 'data-processor', 'data-sink'],
  },
  'external-api': {
    blockedCallers: ['data-validator', 'data-processor', 'data-sink'],
    allowedCallees: [],
    blockedCallees: ['data-source', 'data-validator', 'data-processor', 'data-sink', 'admin-tool'],
  },
  'audit-logger': { allowedCallers: ['data-processor', 'admin-tool', 'data-validator'], allowedCallees: [] },
} as const satisfies Record<string, Omit<ToolPolicy, 'permissions'>>;

export type Tool = keyof typeof RULES;
export const TOOLS: readonly Tool[] = Object.keys(RULES) as Tool[];
export const PAIRS: readonly (readonly [Tool, Tool])[] = TOOLS.flatMap((from) =>
  TOOLS.filter((to) => to !== from).map((to) => [from, to] as const),
);
/** As `from to`. All other ordered pairs may not. */
export const ALLOWED: ReadonlySet<string> = new Set([
  'data-source data-validator',
  'data-validator data-processor',
  'data-processor data-sink',
  'data-processor audit-logger',
  'admin-tool audit-logger',
]);
/** The codes with which a list of one of both denies. */
export const BY_RULE: ReadonlySet<string> = new Set([
  'callee_blocked',
  'caller_blocked',
  'callee_denied',
  'caller_denied',
]);

/** The lists are about tools that call. What they say of clients is another test's business. */
export const forClients = (rules: Omit<ToolPolicy, 'permissions'>, rename: (tool: string) => string): ToolPolicy => {
  const renamed = (list: readonly string[]): string[] => list.map(rename);
  const { allowedCallers, blockedCallers = [], allowedCallees, blockedCallees = [] } = rules;
  return {
    permissions: [],
    ...(allowedCallers && { allowedCallers: [...renamed(allowedCallers), '@root'] }),
    ...(allowedCallees && { allowedCallees: renamed(allowedCallees) }),
    blockedCallers: renamed(blockedCallers),
    blockedCallees: renamed(blockedCallees),
  };
};
