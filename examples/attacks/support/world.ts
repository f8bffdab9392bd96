// Two servers on this machine, a user's approvals, and what an attacker got.
import type { RequestListener } from 'node:http';
import { memoryApprovals, signedApprovals, type Approvals, type TrustedKeys } from '../../../client/index.js';
import { fakeSigner, type FakeSigner } from '../../../lib/testing.js';
import { listen } from '../../support/loopback.js';

/** One URL. Whoever holds it decides what is served there. */
export interface Site {
  readonly url: string;
  /** Serves this from now on. */
  readonly serve: (listener: RequestListener) => void;
}

export interface World {
  /** The server that the user chose, and whose tools are approved. */
  readonly home: Site;
  /** A server of the attacker. */
  readonly away: Site;
  /** Signs the tools of `home`. */
  readonly publisher: FakeSigner;
  /** Signs what the attacker likes. */
  readonly attacker: FakeSigner;
  /** Whom the user trusts, and for what name. */
  readonly publishers: TrustedKeys[];
  /** What the user approved, at any server. */
  readonly approvals: Approvals;
  /** What the attacker received. */
  readonly loot: string[];
  readonly close: () => Promise<void>;
}

export async function makeWorld(): Promise<World> {
  const [publisher, attacker, user] = await Promise.all([fakeSigner(), fakeSigner(), fakeSigner()]);
  const [home, away] = [await site(), await site()];
  return {
    home,
    away,
    publisher,
    attacker,
    publishers: [{ owner: home.url, jwks: publisher.jwks }],
    approvals: signedApprovals({ store: memoryApprovals(), signer: user, keys: user.jwks }),
    loot: [],
    close: async () => {
      await Promise.all([home.close(), away.close()]);
    },
  };
}

async function site(): Promise<Site & { readonly close: () => Promise<void> }> {
  const { origin, serve, close } = await listen(0);
  let current: RequestListener = (_req, res) => void res.writeHead(503).end();
  serve((req, res) => {
    current(req, res);
  });
  return { url: `${origin}/mcp`, serve: (listener) => (current = listener), close };
}
