// A rug pull: whoever holds the server and its key changes the tool, and keeps the version.
import type { Attack } from './support/attack.js';
import { HONEST, POISON, signedServer } from './support/signedServer.js';

export const silentChange: Attack = {
  name: 'a silent change behind the same version',
  strike: ({ home, publisher, loot }) => {
    home.serve(signedServer({ url: home.url, signer: publisher, description: POISON, loot }));
    return home.url;
  },
  unprotected: 'answered, and the attacker has the private key',
  guarded: 'denied definition_changed',
  diff: [`~ description: "${HONEST}" -> "${POISON}"`],
};
