// What the checks of this package cost, beside what users would mount instead.
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
import { say } from './report.js';
import { writeResults } from './results.js';
import { withFleet } from './fleet.js';

const PARTS = [
  'core',
  'signatures',
  'definitions',
  'callchain',
  'rate',
  'audit',
  'process',
  'http',
  'dpop',
  'introspection',
  'profiles',
];
const asked = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const unknown = asked.find((word) => !PARTS.includes(word));
if (unknown !== undefined) throw new TypeError(`unknown part '${unknown}': name one of ${PARTS.join(', ')}`);
const parts = new Set(asked.length === 0 ? PARTS : asked);
const only = new RegExp(process.env['ONLY'] ?? '', 'i');
const chosen = contenders.filter(({ name, baseline }) => baseline === undefined || only.test(name));

const loads = (): string =>
  loadavg()
    .map((one) => one.toFixed(2))
    .join(' ');
say(`Node ${process.version}, load average ${loads()}`);
if (parts.has('core')) await benchCore();
if (parts.has('signatures')) await benchSignatures();
if (parts.has('definitions')) await benchDefinitions();
if (parts.has('callchain')) await benchCallchain();
if (parts.has('rate')) await benchRate();
if (parts.has('audit')) await benchAudit();
if (parts.has('process') || parts.has('http')) {
  for (const algorithm of ['RS256', 'ES256'] as const) {
    await withFleet(algorithm, chosen, async (fleet) => {
      if (parts.has('process')) await benchProcess(fleet);
      if (parts.has('http')) await benchHttp(fleet);
    });
  }
}
if (parts.has('dpop')) await benchDPoP();
if (parts.has('introspection')) await benchIntrospection();
if (parts.has('profiles')) await benchProfiles();
say(`\nload average ${loads()}`);
if (asked.length === 0 && only.source === '(?:)') writeResults();
