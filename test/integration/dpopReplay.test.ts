import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { fakeIssuer, fakeProver, type FakeIssuer, type FakeProver } from '../../lib/testing.js';
import { hasRedis, startRedis, type TestRedis } from '../support/redis.js';

const program = fileURLToPath(new URL('dpopProcess.ts', import.meta.url));
const RESOURCE = 'https://mcp.example/mcp';
const BODY = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });

describe('two server processes that share used proofs through Redis', () => {
  const children: ChildProcess[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  let redis: TestRedis | undefined;
  let as: FakeIssuer;
  let who: FakeProver;
  let token: string;
  let ports: readonly number[] = [];

  before(async function () {
    if (!hasRedis()) this.skip();
    redis = await startRedis();
    as = fakeIssuer({ resource: RESOURCE });
    who = await fakeProver();
    token = await as.token({ cnf: { jkt: who.jkt } });
    ports = await Promise.all([start('Express 5', 'ioredis'), start('Koa 3', 'redis')]);
  });

  after(async () => {
    agent.destroy();
    for (const child of children) child.kill('SIGKILL');
    await redis?.close();
  });

  async function start(framework: string, kind: string): Promise<number> {
    const args = [framework, kind, String(redis?.port), RESOURCE, as.issuer, JSON.stringify(await as.jwks())];
    const child = fork(program, args, { execArgv: ['--import', 'tsx'] });
    children.push(child);
    const [port] = (await once(child, 'message')) as [number];
    return port;
  }

  const proof = (): Promise<string> => who.proof({ url: RESOURCE, token });
  const post = (port: number, dpop: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `DPoP ${token}`, dpop, 'content-type': 'application/json' };
      const length = { 'content-length': String(BODY.length) };
      const options = {
        port,
        host: '127.0.0.1',
        path: '/mcp',
        method: 'POST',
        agent,
        headers: { ...headers, ...length },
      };
      const sent = request(options).once('error', reject);
      sent.once('response', (answer) => {
        answer.resume().once('end', () => {
          resolve(answer.statusCode ?? 0);
        });
      });
      sent.end(BODY);
    });

  /** The first answer of a server that has found Redis again. */
  const answerOf = async (port: number, dpop: string): Promise<number> => {
    let status = 503;
    for (let tries = 0; tries < 100 && status === 503; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      status = await post(port, dpop);
    }
    return status;
  };

  it('accept one of 1,000 uses of one proof that arrive at both at the same time', async () => {
    const line = await proof();
    const uses = Array.from({ length: 1_000 }, (_, index) => post(ports[index % 2]!, line));
    const counts = new Map<number, number>();
    for (const status of await Promise.all(uses)) counts.set(status, (counts.get(status) ?? 0) + 1);
    expect(Object.fromEntries(counts)).to.deep.equal({ 200: 1, 401: 999 });
  });

  it('accept every proof that is used once, whichever of them gets it', async () => {
    const each = Array.from({ length: 100 }, async (_, index) => post(ports[index % 2]!, await proof()));
    expect(new Set(await Promise.all(each))).to.deep.equal(new Set([200]));
  });

  it('accept nothing while Redis is down, and what was not accepted is not used up', async () => {
    const line = await proof();
    await redis?.stop();
    expect(await Promise.all(ports.map((port) => post(port, line)))).to.deep.equal([503, 503]);
    await redis?.start();
    expect(await answerOf(ports[0]!, line)).to.equal(200);
    expect(await answerOf(ports[1]!, line)).to.equal(401);
  });
});
