// Packs the package and uses it from empty projects, as a user would: only Express, only Koa, by import and by require,
// and by the commands and files of the README, with each framework and each line of the SDK, in JavaScript and in TypeScript.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  freePort,
  mcpOf,
  quoted,
  serverOf,
  shellLines,
  startIssuer,
  startServer,
  tryServer,
  typedV1,
  type Quickstart,
  type Sdk,
} from './readme.js';

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

const COMMON = ['typescript', '@types/node'];

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
    const versions = [...packages, ...COMMON].map(pinned);
    await run(cwd, 'npm', 'install', ...QUIETLY, tarball, ...versions);
    await run(cwd, process.execPath, 'by-import.mjs');
    await run(cwd, process.execPath, 'by-require.cjs');
    await run(cwd, process.execPath, join('node_modules', 'typescript', 'bin', 'tsc'));
    tryCommand(cwd);
    console.log(`${name}: import, require, types and the command work`);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

/** `npx mcp-etdi` of the installed package. */
function tryCommand(cwd: string): void {
  const text = execFileSync('npx', ['mcp-etdi', '--help'], { cwd, encoding: 'utf8' });
  for (const name of ['audit', 'doctor', 'keys', 'tools']) {
    if (!text.includes(`  ${name}`)) throw new Error(`mcp-etdi --help says nothing of ${name}`);
  }
}

const QUIETLY = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
const pinned = (name: string): string => `${name}@${dev[name] ?? 'latest'}`;

/** What the README says about another framework and another line of the SDK than those of its commands. */
const INSTEAD: Readonly<Record<Quickstart | Sdk, (command: string) => string>> = {
  express: (command) => command,
  koa: (command) => command.replace(/ express$| express /, ' koa ').replace('@types/express', '@types/koa'),
  v1: (command) =>
    command.replace('@modelcontextprotocol/server @modelcontextprotocol/node', '@modelcontextprotocol/sdk zod'),
  v2: (command) => command,
};

/** A command of a page. What it installs are the packed package and the releases that this repository is tried with. */
async function follow(cwd: string, tarball: string, command: string): Promise<void> {
  const [, before = '', names = ''] = /^(npm install(?: -D)?) (.*)$/.exec(command) ?? [];
  const packages = names.split(' ').map((name) => (name === 'mcp-etdi' ? `'${tarball}'` : `'${pinned(name)}'`));
  await run(cwd, 'sh', '-c', names === '' ? command : [before, ...QUIETLY, ...packages].join(' '));
}

async function tryReadme(tarball: string, framework: Quickstart, sdk: Sdk): Promise<void> {
  const cwd = mkdtempSync(join(tmpdir(), 'etdi-readme-'));
  const port = await freePort();
  const resource = `http://localhost:${port}/mcp`;
  const { issuer, token, close } = await startIssuer(resource);
  const says = async (text: string): Promise<void> => {
    for (const line of shellLines('README.md', text)) {
      // The last command of a fence starts the server, which is done below.
      const command = INSTEAD[sdk](INSTEAD[framework](line.replace(' && node server.js', '')));
      await follow(cwd, tarball, command.trim());
    }
  };
  try {
    await says('npm init');
    const server = serverOf('README.md', `examples/quickstart/${framework}.js`, { port, issuer });
    const mcp = mcpOf(sdk);
    write(cwd, { 'mcp.js': mcp, 'server.js': server });
    await tryServer(cwd, resource, token);
    if (framework === 'express' && sdk === 'v2') {
      await tryTests(cwd, tarball);
      await tryDoctor(cwd, port);
    }
    for (const name of ['mcp.js', 'server.js']) rmSync(join(cwd, name));
    write(cwd, { 'mcp.ts': sdk === 'v1' ? typedV1(mcp) : mcp, 'server.ts': server });
    await says('tsc --init');
    await tryServer(cwd, resource, token);
    console.log(`${framework} and SDK ${sdk}: the README works, in JavaScript and in TypeScript`);
  } finally {
    close();
    rmSync(cwd, { recursive: true, force: true });
  }
}

/** `doctor`, as the README says, while nobody answers for the issuer. */
async function tryDoctor(cwd: string, port: number): Promise<void> {
  const place = { port, issuer: 'http://127.0.0.1:9' };
  write(cwd, { 'server.js': serverOf('README.md', 'examples/quickstart/express.js', place) });
  const server = await startServer(cwd, 'server.js', `http://localhost:${port}/mcp`);
  try {
    const line = shellLines('README.md', 'curl -i').find((one) => one.includes('doctor')) ?? '';
    const said = await execute('sh', ['-c', line.replace('3000', String(port))], { cwd }).then(
      ({ stdout }) => stdout,
      (error: unknown) => (error as { stdout: string }).stdout,
    );
    const failed = [...said.matchAll(/^FAILED +(\w+)/gm)].map(([, name]) => name);
    if (failed.join() !== 'issuer') throw new Error(`doctor says of the README:\n${said}`);
  } finally {
    await server.stop();
  }
  console.log('doctor finds what the README says, and nothing else');
}

/** The tests that the page on tests shows, by its commands. */
async function tryTests(cwd: string, tarball: string): Promise<void> {
  write(cwd, { 'tools.test.js': quoted('docs/testing.md', 'examples/quickstart/tools.test.js') });
  for (const command of shellLines('docs/testing.md', 'node --test')) await follow(cwd, tarball, command);
  console.log('the tests of the page on tests run');
}

const folder = mkdtempSync(join(tmpdir(), 'etdi-pack-'));
try {
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
  });
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  const tarball = join(folder, filename);
  await Promise.all([
    ...consumers.map((consumer) => tryConsumer(tarball, consumer)),
    ...(['express', 'koa'] as const).flatMap((framework) =>
      (['v1', 'v2'] as const).map((sdk) => tryReadme(tarball, framework, sdk)),
    ),
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
