import { keep } from '../memo.js';
import { isObject } from '../rpc.js';
import type { Tools } from '../tools/defineTools.js';
import type { ToolPolicy } from '../tools/policies.js';
import type { Report } from './events.js';
import { DEFINITION, digestOfTool, metaOf, type CallStackRules, type Definition, type WireTool } from './form.js';

/** A tool as it is going to be published, but for its signature. */
export interface PreparedTool {
  readonly name: string;
  readonly version: string;
  /** Nothing for a tool that has no canonical form. */
  readonly digest: string | undefined;
  readonly tool: WireTool;
}

/** Makes of a tool as the server sent it one that can be published, or nothing where no policy knows it. */
export type Prepare = (sent: unknown) => PreparedTool | undefined;

/** Who offers the tools, and who vouches for them. */
export interface Origin {
  readonly server: string;
  readonly publisher: string;
}

/** Prepares tools. Each is described once for as long as the server sends the same text for it. */
export function preparer(tools: Tools, origin: Origin, report: Report): Prepare {
  const known = new Map<string, PreparedTool>();
  const most = 100 + 4 * tools.names.length;

  return (sent) => {
    const name = isObject(sent) && typeof sent['name'] === 'string' ? sent['name'] : '';
    const policy = tools.get(name);
    if (policy === undefined) {
      report({ type: 'tool_undefined', name });
      return undefined;
    }
    const text = JSON.stringify(sent);
    const before = known.get(text);
    if (before !== undefined) return before;
    const prepared = prepare(name, describe(sent as WireTool, policy, origin), policy, report);
    keep(known, most, text, prepared);
    return prepared;
  };
}

function prepare(name: string, tool: WireTool, { version = '' }: ToolPolicy, report: Report): PreparedTool {
  try {
    return { name, version, digest: digestOfTool(tool), tool };
  } catch (cause) {
    report({ type: 'definition_unsignable', name, cause });
    return { name, version, digest: undefined, tool };
  }
}

/** The tool with what its policy says, in place of what the server itself may have said. */
function describe(tool: WireTool, policy: ToolPolicy, origin: Origin): WireTool {
  const { version = '', permissions, requireSignature, codeDigest } = policy;
  const callStack = callStackOf(policy);
  const definition: Definition = {
    version,
    ...origin,
    // In whatever order they are written down, they are the same.
    permissions: [...permissions].sort(),
    ...(requireSignature === true ? { requireSignature } : {}),
    ...(codeDigest === undefined ? {} : { codeDigest }),
    ...(callStack === undefined ? {} : { callStack }),
  };
  return { ...tool, _meta: { ...metaOf(tool), [DEFINITION]: definition } };
}

/** An empty list is a rule too: whoever drops it lets everybody in. */
function callStackOf(policy: ToolPolicy): CallStackRules | undefined {
  const { maxCallDepth, allowedCallers, blockedCallers, allowedCallees, blockedCallees } = policy;
  const lists = Object.entries({ allowedCallers, blockedCallers, allowedCallees, blockedCallees }).flatMap(
    ([name, list]) => (list === undefined ? [] : [[name, [...new Set(list)].sort()] as const]),
  );
  if (maxCallDepth === undefined && lists.length === 0) return undefined;
  return { ...(maxCallDepth === undefined ? {} : { maxDepth: maxCallDepth }), ...Object.fromEntries(lists) };
}
