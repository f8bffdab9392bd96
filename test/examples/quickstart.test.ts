// The servers and tests of the README and the pages, as they stand there, from the sources of the package.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import {
  freePort,
  mcpOf,
  quoted,
  serverOf,
  shellLines,
  startIssuer,
  startServer,
  tryCalls,
  tryServer,
} from '../consumers/readme.js';
import { createProject, type Project } from './installed.js';
import { paste } from './program.js';

describe('what the pages show', function () {
  this.timeout(60_000);
  let project: Project;
  let port: number;
  let resource: string;
  let as: Awaited<ReturnType<typeof startIssuer>>;

  beforeEach(async () => {
    project = createProject();
    port = await freePort();
    resource = `http://localhost:${port}/mcp`;
    as = await startIssuer(resource);
  });

  afterEach(() => {
    as.close();
    project.remove();
  });

  for (const [framework, sdk] of [
    ['express', 'v1'],
    ['koa', 'v2'],
  ] as const) {
    it(`serves, with ${framework} and SDK ${sdk}`, async () => {
      const server = serverOf('README.md', `examples/quickstart/${framework}.js`, { port, issuer: as.issuer });
      project.write({ 'mcp.js': mcpOf(sdk), 'server.js': server });
      await tryServer(project.folder, resource, as.token, project);
    });
  }

  it('can be tried without an authorization server, by the curl line beside it', async () => {
    const server = serverOf('docs/testing.md', 'examples/quickstart/fake-issuer.js', { port, issuer: as.issuer });
    project.write({ 'mcp.js': mcpOf('v2'), 'server.js': server });
    const running = await startServer(project.folder, 'server.js', resource, project);
    try {
      const [token = ''] = /^TOKEN=.*$/m.exec(running.output()) ?? [];
      const [curl = ''] = shellLines('docs/testing.md', 'curl -i');
      const answer = await paste(`${token}\n${curl.replace('3000', String(port)).replace('curl -i', 'curl -si')}`);
      expect(answer).to.match(/^HTTP\/1.1 200 OK\r\n/);
      expect(answer).to.include('Hello ann');
    } finally {
      await running.stop();
    }
  });

  it('is tested by the tests of the page on tests', async () => {
    project.write({ 'tools.test.js': quoted('docs/testing.md', 'examples/quickstart/tools.test.js') });
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...project.nodeOptions, '--test', '--test-reporter', 'tap', 'tools.test.js'],
      { cwd: project.folder },
    );
    expect(stdout)
      .to.match(/^# pass 5$/m)
      .and.to.match(/^# fail 0$/m);
  });

  it('tests a handler by itself, and an app with supertest', async () => {
    project.write({ 'handler.test.js': quoted('docs/testing.md', 'examples/quickstart/handler.test.js') });
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...project.nodeOptions, '--test', '--test-reporter', 'tap', 'handler.test.js'],
      { cwd: project.folder },
    );
    expect(stdout)
      .to.match(/^# pass 3$/m)
      .and.to.match(/^# fail 0$/m);
  });

  it('serves at level enhanced, keeps what it needs in its folder, and ends with a whole trail', async () => {
    const server = serverOf('docs/securityProfile.md', 'examples/quickstart/enhanced.js', { port, issuer: as.issuer });
    project.write({ 'mcp.js': mcpOf('v2'), 'server.js': server });
    const env = { MCP_ETDI_KEY_SECRET: Buffer.alloc(32, 7).toString('base64') };
    const running = await startServer(project.folder, 'server.js', resource, { ...project, env });
    try {
      await tryCalls(resource, as.token);
      const tools = await listTools(resource, await as.token('greet'));
      expect(tools).to.include('io.github.mcp-etdi/signatures');
      expect(await running.stop('SIGTERM')).to.equal(0);
    } finally {
      await running.stop();
    }
    expect(readdirSync(project.folder)).to.include.members(['keys', 'audit.jsonl', 'mcp-tools.lock.json']);
    const trail = readFileSync(join(project.folder, 'audit.jsonl'), 'utf8');
    expect(trail).to.include('"outcome":"allowed"').and.to.include('"scope_insufficient"');
    expect(trail.trim().split('\n').at(-1)).to.match(/"type":"trail_(?:stopped|checkpoint)"/);
  });
});

async function listTools(resource: string, token: string): Promise<string> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${token}`,
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} });
  return (await fetch(resource, { method: 'POST', headers, body })).text();
}
