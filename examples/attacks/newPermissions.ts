// A rug pull that looks like an update: a new version that takes more than the user gave.
import type { Attack } from './support/attack.js';
import { signedServer } from './support/signedServer.js';

const MORE = ['text:read', 'file:read', 'network:external'];
const STATED = '_meta.io.github.mcp-etdi/definition';

export const newPermissions: Attack = {
  name: 'a new version with new permissions',
  strike: ({ home, publisher, loot }) => {
    home.serve(signedServer({ url: home.url, signer: publisher, version: '1.1.1', permissions: MORE, loot }));
    return home.url;
  },
  unprotected: 'answered, and the attacker has the report',
  guarded: 'denied permissions_added',
  diff: [
    `+ ${STATED}.permissions: "file:read"`,
    `+ ${STATED}.permissions: "network:external"`,
    `~ ${STATED}.version: "1.1.0" -> "1.1.1"`,
  ],
};
