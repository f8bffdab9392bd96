/** The form that MCP gives tool names. */
const TOOL_NAME = /^[A-Za-z0-9._-]{1,128}$/;

/** Whether a value is a tool name as MCP has them. */
export function isToolName(value: unknown): value is string {
  return typeof value === 'string' && TOOL_NAME.test(value);
}
