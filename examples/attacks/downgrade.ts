// A downgrade: an earlier version with a known hole, in the publisher's own words and under its own signature.
import type { Attack } from './support/attack.js';
import { signedServer } from './support/signedServer.js';

export const downgrade: Attack = {
  name: 'a downgrade',
  strike: ({ home, publisher, loot }) => {
    home.serve(signedServer({ url: home.url, signer: publisher, version: '1.0.0', loot }));
    return home.url;
  },
  unprotected: 'answered, and the attacker has the report',
  guarded: 'denied version_lower',
  diff: ['~ _meta.io.github.mcp-etdi/definition.version: "1.1.0" -> "1.0.0"'],
};
