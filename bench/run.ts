// Compiles the benchmarks and runs them in plain Node: what a loader adds to the code would be measured with it.
// `npm run bench -- core`, `-- signatures`, `-- definitions`, `-- rate`, `-- audit`, `-- process`, `-- http` and `-- dpop` run one part; `--json` prints
// results as JSON lines; ROUNDS (default 15) and MS (per contender and round) shorten or lengthen a run, ONLY picks
// contenders by name.
import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = `${root}node_modules/.cache/mcp-etdi-bench`;
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

rmSync(out, { recursive: true, force: true });
execFileSync(process.execPath, [tsc, '-p', `${root}bench`, '--noCheck'], { stdio: 'inherit' });
writeFileSync(`${out}/package.json`, '{"type":"module"}');
const { status } = spawnSync(process.execPath, [`${out}/bench/main.js`, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, NODE_ENV: 'production', BENCH_RESULTS: `${root}bench/RESULTS.md` },
});
process.exitCode = status ?? 1;
