// Four processes behind one Redis behave as one server.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as send } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import {
  CALL_CHAIN,
  fakeIssuer,
  fakeProver,
  fakeSigner,
  signCallChain,
  signRequest,
  type FakeSigner,
} from '../../lib/testing.js';
import { redisStores } from '../../lib/stores/redis.js';
import { hasRedis, startRedis, type TestRedis } from '../support/redis.js';
import type { WorkerSetting } from '../support/worker.js';

const WORKERS = 4;
const SERVER = 'https://reports.example/mcp';
const resource = 'https://mcp.example.com/mcp';
const program = fileURLToPath(new URL('../support/worker.ts', import.meta.url));

describe('four workers behind one Redis', function () {
  this.timeout(60_000);
  let redis: TestRedis;
  let directory: string;
  let children: ChildProcess[] = [];
  let ports: number[] = [];
  let agent: FakeSigner;
  let server: FakeSigner;
  const issuer = fakeIssuer({ resource });

  before(async function () {
    if (!hasRedis()) this.skip();
    [redis, agent, server] = await Promise.all([startRedis(), fakeSigner(), fakeSigner()]);
    directory = await mkdtemp(join(tmpdir(), 'etdi-workers-'));
    const setting: Omit<WorkerSetting, 'number'> = {
      redis: redis.port,
      resource,
      issuer: issuer.issuer,
      jwks: await issuer.jwks(),
      keys: [{ owner: 'https://agent.example', clientId: 'agent', jwks: agent.jwks }],
      toolServers: [{ owner: SERVER, clientId: 'reports', mayRoot: true, jwks: server.jwks }],
      directory,
      limit: 200,
    };
    // The first alone: it makes the keys that all share.
    for (let number = 0; number < WORKERS; number += 1) await start({ ...setting, number });
  });

  after(async () => {
    for (const child of children) child.kill();
    await (redis as TestRedis | undefined)?.close();
    if ((directory as string | undefined) !== undefined) await rm(directory, { recursive: true, force: true });
  });

  async function start(setting: WorkerSetting): Promise<void> {
    const child = fork(program, [JSON.stringify(setting)], { execArgv: ['--import', 'tsx'] });
    children = [...children, child];
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    ports = [...ports, port];
  }

  interface Answer {
    readonly status: number;
    readonly session: string | undefined;
  }

  /** Sends one request to one of the workers. */
  function ask(worker: number, headers: Readonly<Record<string, string>>, body: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: ports[worker % WORKERS], path: '/mcp', method: 'POST', agent: false };
      const json = { host: 'mcp.example.com', 'content-type': 'application/json', ...headers };
      send({ ...options, headers: { ...json, 'content-length': Buffer.byteLength(body) } }, (response) => {
        response.resume().once('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            session: response.headers['mcp-session-id'] as string | undefined,
          });
        });
      })
        .once('error', reject)
        .end(body);
    });
  }

  const call = (name: string, params: object = {}): string =>
    JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {}, ...params } });
  const bearer = async (claims: object = {}): Promise<Record<string, string>> => ({
    authorization: `Bearer ${await issuer.token(claims as never)}`,
  });
  /** The same request to all workers at once, many times. */
  const everywhere = async (headers: Readonly<Record<string, string>>, body: string): Promise<readonly number[]> => {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => ask(index, headers, body)));
    return answers.map(({ status }) => status).sort((one, other) => one - other);
  };
  const once40 = [200, ...Array.from({ length: 39 }, () => 0)];

  it('accept a signed request once', async () => {
    const headers = await bearer({ sub: 'signer', client_id: 'agent' });
    const body = call('purge');
    const json = { ...headers, 'content-type': 'application/json' };
    const signed = await signRequest({ url: resource, headers: json, body }, { signer: agent });
    const statuses = await everywhere(signed, body);
    expect(statuses.map((status) => (status === 200 ? 200 : 0))).to.deep.equal(once40);
    expect(new Set(statuses.slice(1))).to.deep.equal(new Set([403]));
  });

  it('accept a DPoP proof once', async () => {
    const prover = await fakeProver();
    const token = await issuer.token({ sub: 'prover', cnf: { jkt: prover.jkt } });
    const headers = { authorization: `DPoP ${token}`, dpop: await prover.proof({ url: resource, token }) };
    const statuses = await everywhere(headers, call('read'));
    expect(statuses.filter((status) => status === 200)).to.have.lengthOf(1);
    expect(new Set(statuses.slice(1))).to.deep.equal(new Set([401]));
  });

  it('accept a call chain once', async () => {
    const hop = { signer: server, issuer: SERVER, resource, tool: 'read', caller: 'report', arguments: {} };
    const body = call('read', { _meta: { [CALL_CHAIN]: await signCallChain([hop]) } });
    const statuses = await everywhere(await bearer({ sub: 'reports', client_id: 'reports' }), body);
    expect(statuses.filter((status) => status === 200)).to.have.lengthOf(1);
    expect(new Set(statuses.slice(1))).to.deep.equal(new Set([403]));
  });

  it('know whose session it is, whichever of them opened it', async () => {
    const [alice, bob] = [await bearer({ sub: 'alice' }), await bearer({ sub: 'bob' })];
    const hello = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} });
    const { session = '' } = await ask(0, alice, hello);
    expect(session).to.equal('session-of-0');
    for (let worker = 0; worker < WORKERS; worker += 1) {
      const own = await ask(worker, { ...alice, 'mcp-session-id': session }, call('read'));
      const foreign = await ask(worker, { ...bob, 'mcp-session-id': session }, call('read'));
      expect([own.status, foreign.status]).to.deep.equal([200, 404]);
    }
  });

  it('share what a caller has left of the rate', async () => {
    const carol = await bearer({ sub: 'carol' });
    const statuses: number[] = [];
    for (let round = 0; round < 6; round += 1) statuses.push(...(await everywhere(carol, call('read'))));
    expect(statuses.filter((status) => status === 200)).to.have.lengthOf(200);
    expect(statuses.filter((status) => status === 429)).to.have.lengthOf(40);
  });

  it('take a token that was revoked for what it is', async () => {
    const headers = await bearer({ sub: 'dave', jti: 'revoked-here' });
    for (let worker = 0; worker < WORKERS; worker += 1) {
      expect((await ask(worker, headers, call('read'))).status).to.equal(200);
    }
    const client = new Redis(redis.port);
    const token = { issuer: issuer.issuer, tokenId: 'revoked-here' };
    await redisStores(client).revocations.revoke(token, new Date(Date.now() + 60_000));
    client.disconnect();
    for (let worker = 0; worker < WORKERS; worker += 1) {
      expect((await ask(worker, headers, call('read'))).status).to.equal(401);
    }
  });

  it('accept nothing that needs Redis while it is down, and all of it again when it is back', async () => {
    const erin = await bearer({ sub: 'erin' });
    await redis.stop();
    expect(new Set(await everywhere(erin, call('read')))).to.deep.equal(new Set([503]));
    await redis.start();
    let status = 0;
    for (let tries = 0; tries < 100 && status !== 200; tries += 1) {
      ({ status } = await ask(tries, erin, call('read')));
      if (status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(status).to.equal(200);
  });
});
