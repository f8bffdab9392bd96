import type { Row } from '../support/report.js';
import { forgedRows } from './forged.js';
import { NAMES } from './settings.js';
import { honestRows, toolRows } from './tools.js';
import { openWorkshop } from './workshop.js';
import { openWorld } from './world.js';

/**
 * Starts everything, lets tools call each other across servers, attacks them, and says how it went. `log` is told when
 * the servers run.
 */
export async function callChainRows(log: (line: string) => void = () => undefined): Promise<readonly Row[]> {
  const world = await openWorld();
  try {
    for (const name of NAMES) log(`${name} runs on ${world.resources[name]}\n`);
    const shop = await openWorkshop(world);
    return [...(await honestRows(world)), ...(await toolRows(world)), ...(await forgedRows(shop))];
  } finally {
    await world.close();
  }
}
