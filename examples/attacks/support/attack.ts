import type { Row } from '../../support/report.js';
import { guardedClient, plainClient, work } from './agent.js';
import { signedServer } from './signedServer.js';
import { makeWorld, type World } from './world.js';

/** One attack, and what has to come of it. */
export interface Attack {
  readonly name: string;
  /** Makes it happen, once the tools of `home` are approved. The URL that the user's client talks to. */
  readonly strike: (world: World) => string | Promise<string>;
  /** What a client gets that knows nothing. */
  readonly unprotected: string;
  /** What a guarded one gets. */
  readonly guarded: string;
  /** What it tells about the tool in comparison with the approved one. */
  readonly diff: readonly string[];
}

/** Runs an attack over HTTP: a plain official client first, then the same one guarded. */
export async function run({ name, strike, unprotected, guarded, diff }: Attack): Promise<readonly Row[]> {
  const world = await makeWorld();
  try {
    const { home, publisher, loot } = world;
    home.serve(signedServer({ url: home.url, signer: publisher }));
    const before = await work(await guardedClient(world, home.url, true), loot);
    const url = await strike(world);
    const plain = await work(await plainClient(url), loot);
    const guard = await work(await guardedClient(world, url, false), loot);
    return [
      { what: `${name}: plain client`, expected: unprotected, got: plain.result },
      { what: `${name}: guarded client`, expected: guarded, got: guard.result },
      ...compare(
        `${name}: difference`,
        diff,
        guard.diff.map((line) => withNames(line, world)),
      ),
      { what: `${name}: guarded client, before`, expected: 'answered', got: before.result },
    ];
  } finally {
    await world.close();
  }
}

function compare(what: string, expected: readonly string[], got: readonly string[]): readonly Row[] {
  const longer = expected.length > got.length ? expected : got;
  return longer.map((_line, at) => ({ what, expected: expected[at] ?? 'nothing', got: got[at] ?? 'nothing' }));
}

/** Ports differ each time. */
function withNames(line: string, { home, away }: World): string {
  return line.replaceAll(home.url, 'HOME').replaceAll(away.url, 'AWAY');
}
