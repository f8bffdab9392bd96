// Keeps what a whole run has said, with the machine and the versions it was said about.
import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { said } from './report.js';

const PACKAGES = [
  ...['express', 'koa', 'jose', 'winston', 'ioredis', 'express-rate-limit', 'rate-limit-redis', 'canonicalize'],
  ...['@modelcontextprotocol/sdk', '@modelcontextprotocol/express', '@modelcontextprotocol/server'],
  ...['express-oauth2-jwt-bearer', 'koa-jwt', 'http-message-signatures', 'autocannon'],
];

/** Writes `bench/RESULTS.md`. Only a whole run does, so that no page is made of parts that do not belong together. */
export function writeResults(): void {
  const file = process.env['BENCH_RESULTS'];
  if (file === undefined) return;
  const [{ model } = { model: 'unknown' }] = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const text = [
    '# Benchmark results',
    '',
    `Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}. CPU is that of all threads of a process. Each figure is the median over`,
    'the rounds of one interleaved run, with the middle half of them in brackets; ratios are those of the same round, but for the CPU of levels: that is of medians.',
    '',
    `- Machine: ${cpus().length} x ${model.trim()}, ${memory} GiB, ${platform()} ${release()} ${arch()}`,
    `- Node ${process.version}`,
    `- ${PACKAGES.map((name) => `${name} ${versionOf(name)}`).join(', ')}`,
    '',
    '```text',
    said.join('\n').trim(),
    '```',
    '',
  ];
  writeFileSync(file, text.join('\n'));
}

function versionOf(name: string): string {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  for (const folder of folders) {
    try {
      return (JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')) as { version: string }).version;
    } catch {
      continue;
    }
  }
  throw new Error(`${name} is not installed below ${dirname(folders[0] ?? '')}`);
}
