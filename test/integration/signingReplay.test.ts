import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { fakeSigner, signRequest, type FakeSigner } from '../../lib/testing.js';
import { hasRedis, startRedis, type TestRedis } from '../support/redis.js';
import { call, resource } from './signingRequests.js';

const program = fileURLToPath(new URL('signingProcess.ts', import.meta.url));

describe('two server processes that share used nonces through Redis', () => {
  const children: ChildProcess[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  let redis: TestRedis | undefined;
  let signer: FakeSigner;
  let ports: readonly number[] = [];

  before(async function () {
    if (!hasRedis()) this.skip();
    redis = await startRedis();
    signer = await fakeSigner();
    ports = await Promise.all([start('Express 5', 'ioredis'), start('Koa 3', 'redis')]);
  });

  after(async () => {
    agent.destroy();
    for (const child of children) child.kill('SIGKILL');
    await redis?.close();
  });

  async function start(framework: string, kind: string): Promise<number> {
    const args = [framework, kind, String(redis?.port), JSON.stringify(signer.jwks)];
    const child = fork(program, args, { execArgv: ['--import', 'tsx'] });
    children.push(child);
    const [port] = (await once(child, 'message')) as [number];
    return port;
  }

  const post = (port: number, headers: Record<string, string>, body: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const length = { 'content-length': String(Buffer.byteLength(body)) };
      const sent = request({
        port,
        host: '127.0.0.1',
        path: '/mcp',
        method: 'POST',
        agent,
        headers: { ...headers, ...length },
      });
      sent.once('error', reject).once('response', (answer) => {
        answer.resume().once('end', () => {
          resolve(answer.statusCode ?? 0);
        });
      });
      sent.end(body);
    });

  /** The first answer of a server that has found Redis again. */
  const answerOf = async (port: number, headers: Record<string, string>, body: string): Promise<number> => {
    let status = 503;
    for (let tries = 0; tries < 100 && status === 503; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      status = await post(port, headers, body);
    }
    return status;
  };

  it('accept one of 1,000 copies of a request that arrive at both at the same time', async () => {
    const body = call();
    const headers = await signRequest({ url: resource, body }, { signer });
    const copies = Array.from({ length: 1_000 }, (_, index) => post(ports[index % 2]!, headers, body));
    const counts = new Map<number, number>();
    for (const status of await Promise.all(copies)) counts.set(status, (counts.get(status) ?? 0) + 1);
    expect(Object.fromEntries(counts)).to.deep.equal({ 200: 1, 401: 999 });
  });

  it('accept requests that are signed each by itself, whichever of them gets one', async () => {
    const body = call();
    const each = Array.from({ length: 100 }, async (_, index) =>
      post(ports[index % 2]!, await signRequest({ url: resource, body }, { signer }), body),
    );
    expect(new Set(await Promise.all(each))).to.deep.equal(new Set([200]));
  });

  it('accept nothing while Redis is down, not even what they have not seen', async () => {
    const body = call();
    const headers = await signRequest({ url: resource, body }, { signer });
    await redis?.stop();
    expect(await Promise.all(ports.map((port) => post(port, headers, body)))).to.deep.equal([503, 503]);
    await redis?.start();
    expect(await answerOf(ports[0]!, headers, body), 'what was never accepted is not used up').to.equal(200);
    expect(await answerOf(ports[1]!, headers, body)).to.equal(401);
  });
});
