const STRINGS = /"(?:[^"\\]|\\.)*"\s*(:)?/g;

/**
 * Parses JSON in which no object has two members of one name (RFC 7515 section 4, RFC 7519 section 4),
 * and freezes it throughout. A parser that keeps the last of two members could be shown another token than its issuer signed.
 * @throws {SyntaxError} for what is not JSON, and for a duplicate name
 */
export function parseStrictJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (freeze(value) !== countMembers(text)) throw new SyntaxError('two members have the same name');
  return value;
}

/** How many members are written: in valid JSON, every string before a colon is a name. */
function countMembers(text: string): number {
  let count = 0;
  for (const [, colon] of text.matchAll(STRINGS)) if (colon !== undefined) count += 1;
  return count;
}

/** Freezes a parsed value and counts the members that are left. A list, because a stack of calls overflows on deep input. */
function freeze(root: unknown): number {
  let count = 0;
  const open = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null) continue;
    const members: unknown[] = Object.values(value);
    if (!Array.isArray(value)) count += members.length;
    Object.freeze(value);
    for (const member of members) open.push(member);
  }
  return count;
}
