// Cross-server shadowing: a server that the user also trusts offers a tool by the name of another server's.
import type { Attack } from './support/attack.js';
import { HONEST, POISON, signedServer } from './support/signedServer.js';

export const shadowing: Attack = {
  name: 'shadowing by another server',
  strike: ({ away, attacker, publishers, loot }) => {
    publishers.push({ owner: away.url, jwks: attacker.jwks });
    away.serve(signedServer({ url: away.url, signer: attacker, description: POISON, loot }));
    return away.url;
  },
  unprotected: 'answered, and the attacker has the private key',
  guarded: 'denied name_shadowed',
  diff: [
    '~ _meta.io.github.mcp-etdi/definition.publisher: "HOME" -> "AWAY"',
    '~ _meta.io.github.mcp-etdi/definition.server: "HOME" -> "AWAY"',
    `~ description: "${HONEST}" -> "${POISON}"`,
  ],
};
