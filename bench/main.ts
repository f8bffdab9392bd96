// What the checks of this package cost, beside what users would mount instead.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { benchAudit } from './audit.js';
import { benchCallchain } from './callchain.js';
import { benchCore } from './core.js';
import { benchDefinitions } from './definitions.js';
import { contenders } from './contenders/index.js';
import { benchDPoP } from './dpop.js';
import { benchHttp } from './http.js';
import { benchIntrospection } from './introspection.js';
import { benchProcess } from './process.js';
import { benchProfiles } from './profiles.js';
import { benchRate } from './rate.js';
import { benchSignatures } from './signatures.js';
import { said, say } from './report.js';
import { writeResults } from './results.js';
import { withFleet, type Fleet } from './fleet.js';

const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  core: benchCore,
  signatures: benchSignatures,
  definitions: benchDefinitions,
  callchain: benchCallchain,
  rate: benchRate,
  audit: benchAudit,
  process: () => inFleets(benchProcess),
  http: () => inFleets(benchHttp),
  dpop: benchDPoP,
  introspection: benchIntrospection,
  profiles: benchProfiles,
};
const only = new RegExp(process.env['ONLY'] ?? '', 'i');

async function inFleets(bench: (fleet: Fleet) => Promise<void>): Promise<void> {
  const chosen = contenders.filter(({ name, baseline }) => baseline === undefined || only.test(name));
  for (const algorithm of ['RS256', 'ES256'] as const) await withFleet(algorithm, chosen, bench);
}

/** Each part in a process of its own: what the compiler learned from one would be measured with the next. */
async function inProcess(part: string): Promise<void> {
  const child = spawn(process.execPath, [...process.argv.slice(1, 2), ...flags, part], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    process.stdout.write(text);
    said.push(text.trimEnd());
  });
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`'${part}' did not come to its end`);
}

const words = process.argv.slice(2);
const flags = words.filter((word) => word.startsWith('--'));
const asked = words.filter((word) => !word.startsWith('--'));
const unknown = asked.find((word) => !Object.hasOwn(PARTS, word));
if (unknown !== undefined) {
  throw new TypeError(`unknown part '${unknown}': name one of ${Object.keys(PARTS).join(', ')}`);
}
const [first, ...others] = asked.length === 0 ? Object.keys(PARTS) : asked;
if (first !== undefined && others.length === 0) {
  const loads = loadavg().map((one) => one.toFixed(2));
  say(`\nNode ${process.version}, load average ${loads.join(' ')}`);
  await PARTS[first]?.();
} else {
  for (const part of [first, ...others]) if (part !== undefined) await inProcess(part);
}
if (asked.length === 0 && only.source === '(?:)') writeResults();
