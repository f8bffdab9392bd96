import type { Row } from '../support/report.js';
import { copiedSignature, copiedTool } from './copiedSignature.js';
import { downgrade } from './downgrade.js';
import { impostor, liar } from './impostor.js';
import { newPermissions } from './newPermissions.js';
import { shadowing } from './shadowing.js';
import { silentChange } from './silentChange.js';
import { strippedManifest, strippedSignature } from './strippedSignature.js';
import { run, type Attack } from './support/attack.js';

export const ATTACKS: readonly Attack[] = [
  impostor,
  liar,
  silentChange,
  newPermissions,
  downgrade,
  shadowing,
  copiedSignature,
  copiedTool,
  strippedSignature,
  strippedManifest,
];

/** Every attack as it went, one after the other. */
export async function attackRows(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const attack of ATTACKS) rows.push(...(await run(attack)));
  return rows;
}
