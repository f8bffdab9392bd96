// Runs the official conformance suite against a complete server, once without any check and then behind every check of
// level `strict`, on Express and on Koa. Each has to give the same result. `-- --keep` leaves the results of each check.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listen, type Loopback } from '../examples/support/loopback.js';
import { fakeIssuer, fakeProver, fakeSigner } from '../lib/testing.js';
import { proxy } from './proxy.js';
import { onExpress, onKoa, openProfile, unprotected } from './stack.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const node = `${here}node_modules/node/bin/node`;
const suite = `${here}node_modules/@modelcontextprotocol/conformance/dist/index.js`;
const REVISIONS = ['2025-11-25', '2026-07-28'];

execFileSync('npm', ['ci', '--silent'], { cwd: here, stdio: 'inherit' });
const results = mkdtempSync(join(tmpdir(), 'etdi-conformance-results-'));

/** The status of every check, by scenario and name. */
type Results = ReadonlyMap<string, string>;

interface Run {
  readonly code: number;
  readonly results: Results;
  readonly output: string;
}

async function runSuite(url: string, revision: string, name: string): Promise<Run> {
  const folder = join(results, `${name}-${revision}`);
  const args = [suite, 'server', '--url', url, '--requirements', revision, '-o', folder];
  const child = spawn(node, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code: code ?? 1, results: readResults(folder), output };
}

function readResults(folder: string): Results {
  const scenarios = readdirSync(folder).map((name) => {
    const scenario = name.replace(/^server-/, '').replace(/-\d{4}-\d{2}-\d{2}T[\d-]+Z$/, '');
    const checks = JSON.parse(readFileSync(join(folder, name, 'checks.json'), 'utf8')) as readonly Check[];
    return checks.map(({ id, status }, at) => {
      const again = checks.slice(0, at).filter((other) => other.id === id).length;
      return [`${scenario} ${id}${again === 0 ? '' : ` (${again + 1})`}`, status] as const;
    });
  });
  return new Map(scenarios.flat());
}

interface Check {
  readonly id: string;
  readonly status: string;
}

async function withProtected(framework: typeof onExpress, use: (url: string) => Promise<void>): Promise<void> {
  const [server, front] = [await listen(0), await listen(0)];
  const resource = `${front.origin.replace('127.0.0.1', 'localhost')}/mcp`;
  const issuer = fakeIssuer({ resource });
  const [agent, prover] = await Promise.all([fakeSigner(), fakeProver()]);
  const { profile, close } = await openProfile({ resource, issuer, agent });
  server.serve(framework(profile));
  front.serve(proxy({ resource, port: Number(new URL(server.origin).port), issuer, agent, prover }));
  try {
    await use(resource);
  } finally {
    await front.close();
    await server.close();
    await close();
  }
}

async function withUnprotected(use: (url: string) => Promise<void>): Promise<void> {
  const server: Loopback = await listen(0);
  server.serve(unprotected());
  try {
    await use(`${server.origin.replace('127.0.0.1', 'localhost')}/mcp`);
  } finally {
    await server.close();
  }
}

const servers: readonly (readonly [string, (use: (url: string) => Promise<void>) => Promise<void>])[] = [
  ['unprotected', withUnprotected],
  ['strict on Express', (use) => withProtected(onExpress, use)],
  ['strict on Koa', (use) => withProtected(onKoa, use)],
];

const verdicts: boolean[] = [];
for (const revision of REVISIONS) {
  const runs: Run[] = [];
  for (const [name, withServer] of servers) {
    await withServer(async (url) => {
      const run = await runSuite(url, revision, name.replaceAll(' ', '-'));
      const passed = [...run.results.values()].filter((status) => status === 'SUCCESS').length;
      console.log(`${revision}  ${name.padEnd(18)} exit ${run.code}, ${passed} of ${run.results.size} checks pass`);
      if (run.results.size === 0) console.log(run.output);
      runs.push(run);
      verdicts.push(run.results.size > 0 && isSame(runs[0] ?? run, run));
    });
  }
}
const same = verdicts.every(Boolean);
if (process.argv.includes('--keep')) console.log(`Results: ${results}`);
else rmSync(results, { recursive: true, force: true });
console.log(same ? 'Every server gives the same result.' : 'The results differ.');
process.exitCode = same ? 0 : 1;

function isSame(expected: Run, run: Run): boolean {
  const names = new Set([...expected.results.keys(), ...run.results.keys()]);
  const differing = [...names].filter((name) => expected.results.get(name) !== run.results.get(name));
  for (const name of differing) {
    console.log(`  ${name}: ${expected.results.get(name) ?? 'not run'} -> ${run.results.get(name) ?? 'not run'}`);
  }
  return differing.length === 0 && run.code === expected.code;
}
