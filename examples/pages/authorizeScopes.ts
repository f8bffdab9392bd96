// What the page on authorizeScopes shows.
import { authorizeScopes, defineTools, type Tools } from '../../lib/index.js';

// #region policies
const tools = defineTools({
  secure_file_read: { version: '1.2.0', permissions: ['file:read', 'audit:log'] },
  whoami: { permissions: [] }, // whoever is proven may
  reset: { permissions: ['admin:reset'], roles: ['admin', 'operator'] },
  transfer: {
    permissions: ['bank:transfer'],
    permissionsFor: (call) => [`bank:account:${String(call.arguments['from'])}`],
    allow: ({ arguments: { amount } }) => typeof amount === 'number' && amount > 0 && amount <= 1000,
  },
});

export const access = authorizeScopes({
  tools,
  scopes: { 'files.read': ['file:read', 'audit:log'], 'files.all': ['file:*', 'audit:log'] },
  implies: { 'files.all': ['files.read'] },
  roles: { teller: ['bank:*'] },
  prompts: { greet: ['prompt:greet'] },
  resources: { 'test://notes/{id}': ['notes:read'], 'file:///docs/*': ['docs:read'] },
  base: ['mcp'],
});
// #endregion

/** Asks a policy engine. */
export type AskEngine = (input: object) => Promise<{ readonly result?: unknown }>;

export function withEngine(tools: Tools, askEngine: AskEngine): ReturnType<typeof authorizeScopes> {
  // #region decide
  const check = authorizeScopes({
    tools,
    decide: async ({ id, target, arguments: given, auth, required }) => {
      const answer = await askEngine({ id, target, given, subject: auth?.subject, required });
      return { allow: answer.result === true };
    },
  });
  // #endregion
  return check;
}
