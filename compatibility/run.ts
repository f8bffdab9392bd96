// Runs the tests of what is shipped under every supported Node release, one after the other. Express 4 and 5, Koa 2 and 3,
// SDK v1 and server v2 are all in these tests. Installs the releases beside this file; nginx and redis-server must be there.
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const RELEASES = ['20', '22', '24'];
const TESTS = [
  'test/adapters/**/*.test.ts',
  'test/integration/**/*.test.ts',
  'test/middleware/**/*.test.ts',
  'test/client/**/*.test.ts',
  'test/lib/**/*.test.ts',
  'test/cli/**/*.test.ts',
];

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));

execFileSync('npm', ['ci', '--silent'], { cwd: here, stdio: 'inherit' });

interface Row {
  readonly node: string;
  readonly passing: number;
  readonly failing: number;
  readonly pending: number;
}

const rows = RELEASES.map((release): Row => {
  const node = `${here}node_modules/node-${release}/bin/node`;
  const version = execFileSync(node, ['--version']).toString().trim();
  console.log(`\n== Node ${version}`);
  const mocha = `${root}node_modules/mocha/bin/mocha.js`;
  const { stdout, status } = spawnSync(node, [mocha, ...TESTS, '--parallel', '--jobs', '2', '--reporter', 'dot'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 64 * 1024 * 1024,
    // Tests that start processes start them with the release under test. With `CI` none leaves out what is not installed.
    env: { ...process.env, CI: 'true', PATH: `${here}node_modules/node-${release}/bin:${process.env['PATH'] ?? ''}` },
  });
  const output = stdout.toString();
  console.log(output.slice(output.search(/\n +\d+ passing/)));
  const count = (word: string): number => Number(new RegExp(`^ +(\\d+) ${word}`, 'm').exec(output)?.[1] ?? 0);
  const failing = count('failing');
  return {
    node: version,
    passing: count('passing'),
    failing: status === 0 ? failing : Math.max(failing, 1),
    pending: count('pending'),
  };
});

console.table(rows);
process.exitCode = rows.every(({ passing, failing }) => passing > 0 && failing === 0) ? 0 : 1;
