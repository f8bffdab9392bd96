// Packs the package and uses it from empty projects, as a user would: only Express, only Koa, by import and by require,
// and as the README says, in JavaScript and in TypeScript.
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { filesOf, freePort, startIssuer, tryCommand, tryServer, type Quickstart } from './readme.js';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const dev = (
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> }
).devDependencies;

interface Consumer {
  readonly name: string;
  readonly adapter: Quickstart;
  readonly packages: readonly string[];
  readonly use: string;
}

const consumers: readonly Consumer[] = [
  {
    name: 'only Express',
    adapter: 'express',
    packages: ['express', '@types/express'],
    use: `import express from 'express';\nimport { toExpress } from 'mcp-etdi/express';\nexpress().use('/mcp', toExpress(...checks));`,
  },
  {
    name: 'only Koa',
    adapter: 'koa',
    packages: ['koa', '@types/koa'],
    use: `import Koa from 'koa';\nimport { toKoa } from 'mcp-etdi/koa';\nnew Koa().use(toKoa(...checks));`,
  },
];

const COMMON = ['typescript', '@types/node', '@modelcontextprotocol/server', '@modelcontextprotocol/node'];

const CHECKS = `
import { defineTools, oidc, securityProfile } from 'mcp-etdi';
import { fakeIssuer } from 'mcp-etdi/testing';
const resource = 'https://mcp.example.com/mcp';
const as = fakeIssuer({ resource });
const tools = defineTools({ add: { permissions: [] } });
const audit = { info: () => undefined };
const checks = securityProfile({ level: 'basic', resource, issuers: [oidc({ issuer: as.issuer })], tools, audit });
if (checks.length < 4) throw new Error('the profile is not complete');
`;

async function run(cwd: string, command: string, ...args: string[]): Promise<void> {
  await execute(command, args, { cwd }).catch((error: unknown) => {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  });
}

function write(cwd: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
}

async function tryConsumer(tarball: string, { name, adapter, packages, use }: Consumer): Promise<void> {
  const cwd = mkdtempSync(join(tmpdir(), 'etdi-consumer-'));
  try {
    write(cwd, {
      'package.json': JSON.stringify({ name: 'consumer', private: true, type: 'module' }),
      'by-import.mjs': `${CHECKS}${use}\n`,
      'by-require.cjs': `const all = ['mcp-etdi', 'mcp-etdi/${adapter}', 'mcp-etdi/testing'].map((name) => Object.keys(require(name)).length);\nif (all.includes(0)) process.exit(1);\n`,
      'typed.mts': `${CHECKS}${use}\n`,
      'wrong.mts': `${CHECKS}\nimport { authenticate, authorizeScopes } from 'mcp-etdi';\nimport { to${adapter === 'express' ? 'Express' : 'Koa'} as mount } from 'mcp-etdi/${adapter}';\n// @ts-expect-error the order is wrong\nmount(authorizeScopes({ tools }), authenticate({ resource, issuers: [oidc({ issuer: as.issuer })] }));\n`,
      'tsconfig.json': JSON.stringify({
        compilerOptions: {
          module: 'NodeNext',
          target: 'ES2023',
          strict: true,
          noEmit: true,
          types: ['node'],
          skipLibCheck: adapter === 'koa',
        },
      }),
    });
    const versions = [...packages, ...COMMON].map((one) => `${one}@${dev[one] ?? 'latest'}`);
    await run(
      cwd,
      'npm',
      'install',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      '--loglevel=error',
      tarball,
      ...versions,
    );
    await run(cwd, process.execPath, 'by-import.mjs');
    await run(cwd, process.execPath, 'by-require.cjs');
    await run(cwd, process.execPath, join('node_modules', 'typescript', 'bin', 'tsc'));
    tryCommand(cwd);
    console.log(`${name}: import, require, types and the command work`);
    await tryReadme(cwd, adapter);
    console.log(`${name}: the README works, in JavaScript and in TypeScript`);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

async function tryReadme(cwd: string, quickstart: Quickstart): Promise<void> {
  const port = await freePort();
  const resource = `http://localhost:${port}/mcp`;
  const { issuer, token, close } = await startIssuer(resource);
  try {
    const files = Object.entries(filesOf(quickstart, port, issuer));
    write(cwd, Object.fromEntries(files.map(([name, text]) => [`${name}.js`, text])));
    await tryServer(cwd, 'server.js', resource, token);
    const typed = join(cwd, 'typed');
    mkdirSync(typed);
    write(typed, Object.fromEntries(files.map(([name, text]) => [`${name}.ts`, text])));
    const options = { module: 'nodenext', target: 'es2023', strict: true, types: ['node'], skipLibCheck: true };
    write(typed, { 'tsconfig.json': JSON.stringify({ compilerOptions: { ...options, outDir: 'out' } }) });
    await run(typed, process.execPath, join(cwd, 'node_modules', 'typescript', 'bin', 'tsc'));
    await tryServer(typed, join('out', 'server.js'), resource, token);
  } finally {
    close();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'etdi-pack-'));
try {
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
  });
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  await Promise.all(consumers.map((consumer) => tryConsumer(join(folder, filename), consumer)));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
