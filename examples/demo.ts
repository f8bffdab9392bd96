import { Writable } from 'node:stream';
import type { AuditEvent } from '../lib/index.js';
import { attackRows } from './attacks/attacks.js';
import { editedLog } from './audit/edited-log.js';
import { callChainRows } from './call-chain/rows.js';
import { createApp } from './signing/server.js';
import { makeDevelopmentKeys } from './support/agent.js';
import { attempts, describe } from './support/attempts.js';
import { createAuditLogger } from './support/auditLogger.js';
import { report, type Row } from './support/report.js';
import { start, type CreateApp, type Running } from './support/run.js';
import { send } from './support/send.js';
import { signedAttempts } from './support/signedAttempts.js';
import { tour } from './support/tour.js';

/** What came over the wire to the MCP endpoint, seen in front of everything. */
const seen = { requests: 0, tokens: new Set<string>() };
const records: string[] = [];

const keys = await makeDevelopmentKeys('demo-app');

const watched: CreateApp = (...settings) => {
  const app = createApp(...settings, keys.trusted, keys.server);
  return (req, res) => {
    if (req.url?.startsWith('/mcp') === true) seen.requests += 1;
    for (const token of req.headers.authorization?.match(/\S{20,}/g) ?? []) seen.tokens.add(token);
    app(req, res);
  };
};

async function denied(running: Running): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { what, wire, expected } of await attempts(running)) {
    rows.push({ what, expected, got: describe(await send(running.resource, wire)) });
  }
  return rows;
}

function audited(): readonly Row[] {
  const requests = records.map((line) => JSON.parse(line) as AuditEvent).filter(({ type }) => type === 'request');
  const ids = new Set(requests.map(({ id }) => id));
  const secrets = [...seen.tokens].flatMap((token) => [token, ...token.split('.').slice(1)]);
  const leaks = secrets.filter((secret) => secret !== '' && records.some((line) => line.includes(secret)));
  return [
    { what: 'audit records, one for each request', expected: `${seen.requests}`, got: `${requests.length}` },
    { what: 'ids of requests in the audit log', expected: `${seen.requests}`, got: `${ids.size}` },
    { what: `parts of ${seen.tokens.size} tokens in the audit log`, expected: '0', got: `${leaks.length}` },
  ];
}

const sink = new Writable({
  write(chunk, _encoding, done) {
    records.push(String(chunk));
    done();
  },
});
const running = await start(watched, 0, createAuditLogger(sink));
const rows = [...(await tour(running)), ...(await denied(running)), ...(await signedAttempts(running, keys))];
await running.close();
await keys.close();
const { text, wrong } = report([
  ...rows,
  ...audited(),
  ...(await attackRows()),
  ...(await editedLog()),
  ...(await callChainRows()),
]);
process.stdout.write(text);
process.exitCode = wrong === 0 ? 0 : 1;
