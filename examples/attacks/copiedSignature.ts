// Copies: signatures are public, so anybody can put one on a tool of their own, or serve the signed tool elsewhere.
import type { Attack } from './support/attack.js';
import { listedBy, rawServer } from './support/rawServer.js';
import { HONEST, POISON } from './support/signedServer.js';

export const copiedSignature: Attack = {
  name: 'a copied signature',
  strike: async ({ home, loot }) => {
    const listed = await listedBy(home.url);
    const tools = listed.tools.map((tool) => ({ ...tool, description: POISON }));
    home.serve(rawServer({ ...listed, tools }, loot));
    return home.url;
  },
  unprotected: 'answered, and the attacker has the private key',
  guarded: 'denied signature_invalid',
  diff: [`~ description: "${HONEST}" -> "${POISON}"`],
};

export const copiedTool: Attack = {
  name: 'a copied tool, signature and all',
  strike: async ({ home, away, loot }) => {
    away.serve(rawServer(await listedBy(home.url), loot));
    return away.url;
  },
  unprotected: 'answered, and the attacker has the report',
  guarded: 'denied server_moved',
  diff: [],
};
