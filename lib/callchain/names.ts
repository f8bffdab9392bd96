import type { Check } from '../options.js';
import { isToolName } from '../tools/toolName.js';
import { canonicalResource } from '../url.js';

/** Stands for a call that no tool made. */
export const ROOT = '@root';
/** In a list: whoever it is. */
export const ANY = '*';

/** One tool in a call stack. */
export interface CallFrame {
  /** The canonical resource URI (RFC 8707) of the server that offers the tool. */
  readonly resource: string;
  readonly tool: string;
}

/** Who calls a tool: another tool, or a client on its own account. */
export type CallingFrame = CallFrame | typeof ROOT;

const URI = /^[a-z][a-z0-9+.-]*:[^\s#]+$/i;
const FORM = "a tool name, such as 'report' or 'https://a.example/mcp#report'";

/** The one name of a frame on all servers. */
export function nameOf(frame: CallingFrame): string {
  return frame === ROOT ? ROOT : `${frame.resource}#${frame.tool}`;
}

/** The one name of what stands in a list of the server at `resource`. */
export function fullName(name: string, resource: string): string {
  if (name === ROOT || name === ANY) return name;
  const end = name.lastIndexOf('#');
  if (end < 0) return `${resource}#${name}`;
  return `${canonicalResource(name.slice(0, end))}#${name.slice(end + 1)}`;
}

/** Allows a tool that may be called. */
export const callee: Check = (value) => (isTool(value) ? undefined : `must be ${FORM}`);

/** Allows a tool that may not be called, or `*`. */
export const calleeOrAny: Check = (value) => (value === ANY || isTool(value) ? undefined : `must be ${FORM}, or '*'`);

/** Allows a tool that calls, `@root` or `*`. */
export const caller: Check = (value) =>
  value === ANY || value === ROOT || isTool(value) ? undefined : `must be ${FORM}, '@root' or '*'`;

function isTool(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const end = value.lastIndexOf('#');
  return isToolName(value.slice(end + 1)) && (end < 0 || URI.test(value.slice(0, end)));
}
