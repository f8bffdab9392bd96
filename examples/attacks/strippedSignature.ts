// Stripping: what carries no proof cannot be proven wrong, so an attacker takes the proofs off.
import type { Attack } from './support/attack.js';
import { listedBy, rawServer } from './support/rawServer.js';
import { HONEST, POISON } from './support/signedServer.js';

export const strippedSignature: Attack = {
  name: 'a stripped signature',
  strike: async ({ home, loot }) => {
    const { tools } = await listedBy(home.url);
    home.serve(
      rawServer(
        { tools: tools.map((tool) => ({ ...tool, description: POISON, _meta: withoutSignatures(tool) })) },
        loot,
      ),
    );
    return home.url;
  },
  unprotected: 'answered, and the attacker has the private key',
  guarded: 'denied signature_vanished',
  diff: [`~ description: "${HONEST}" -> "${POISON}"`],
};

/** The tools are what they were. That one of them was put back from an earlier deployment would not show. */
export const strippedManifest: Attack = {
  name: 'a stripped manifest',
  strike: async ({ home, loot }) => {
    const { tools } = await listedBy(home.url);
    home.serve(rawServer({ tools }, loot));
    return home.url;
  },
  unprotected: 'answered, and the attacker has the report',
  guarded: 'denied manifest_vanished',
  diff: [],
};

function withoutSignatures(tool: object): object {
  const { _meta: meta } = tool as { _meta: Readonly<Record<string, unknown>> };
  return Object.fromEntries(Object.entries(meta).filter(([name]) => !name.endsWith('/signatures')));
}
