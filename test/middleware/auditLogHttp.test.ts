import { once } from 'node:events';
import http, { createServer, type ClientRequest, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { expect } from 'chai';
import request from 'supertest';
import {
  auditLog,
  Denial,
  Unavailable,
  type AnyMiddleware,
  type AuditEvent,
  type AuditRecord,
  type Hooks,
  type Middleware,
  type RequestContext,
} from '../../lib/index.js';
import type { Auth } from '../../lib/tokens/auth.js';
import { AuditRecords } from '../support/auditRecords.js';
import { frameworks, type Boot, type MountArguments, type Route } from '../support/frameworks.js';

const CALL = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { text: 'hello' } } };

const WHOLE = JSON.stringify(CALL);
const headersFor = (length: number): http.OutgoingHttpHeaders => ({
  Authorization: 'Bearer t',
  'Content-Type': 'application/json',
  'Content-Length': length,
});

/** Stands in for an identity check: any Authorization header is a caller. */
const identify: Middleware<never, 'auth'> = {
  name: 'identify',
  needs: [],
  adds: ['auth'],
  run({ request: { headers } }) {
    const token = headers['authorization']?.[0];
    if (token === undefined) throw new Denial(401, 'token_missing', 'An access token is required');
    const auth: Auth = {
      issuer: 'https://as.example.com',
      subject: 'ann',
      clientId: 'inspector',
      scopes: [],
      roles: [],
      resource: 'https://mcp.example.com/mcp',
      expiresAt: 2e9,
      token,
      claims: { token },
    };
    return { auth };
  },
};

/** A check that does what it is told. */
function check(name: string, run: (ctx: RequestContext) => unknown, hooks?: Hooks): Middleware {
  return {
    name,
    needs: [],
    adds: [],
    async run(ctx) {
      await run(ctx);
      return {};
    },
    ...(hooks === undefined ? {} : { hooks }),
  };
}

const read = check('read', ({ request }) => request.rpc());
const forbid = check('forbid', async ({ request }) => {
  await request.rpc();
  throw new Denial(403, 'tool_undefined', 'The tool is not defined', { policy: true, detail: { kind: 'tool' } });
});
const crash = check('crash', () => {
  throw Object.assign(new RangeError('out of CANARY'), { code: 'ERR_OUT_OF_RANGE' });
});
const down = check('down', () => {
  throw new Unavailable('The store is down', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) });
});

const json: Route = (_req, res) => {
  res.setHeader('Content-Type', 'application/json').end('{"jsonrpc":"2.0","id":1,"result":{}}');
};
const silent: Route = () => undefined;
const throws: Route = () => {
  throw new Error('the handler is broken');
};
const stream =
  (end: boolean): Route =>
  (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    res.write('data: {"jsonrpc":"2.0","method":"notifications/message"}\n\n');
    if (end) res.end('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
  };

/** A server that is closed, with every response, before its records are counted. */
class Running {
  readonly records: AuditRecords;
  readonly server: Server;

  /** Resolves when the server sees that the client of its first request is gone. */
  readonly left: Promise<unknown>;

  constructor(records: AuditRecords, server: Server) {
    this.records = records;
    this.server = server;
    this.left = once(server, 'request').then(([, res]) => once(res as ServerResponse, 'close'));
  }

  static async start(
    boot: Boot,
    mounts: (audit: Middleware) => readonly MountArguments[],
    route: Route,
  ): Promise<Running> {
    const records = new AuditRecords();
    const server = createServer(boot(mounts(auditLog({ sink: records.sink })), route)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Running(records, server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  post(body: object = CALL): request.Test {
    return request(this.server).post('/mcp').set('Authorization', 'Bearer t').send(body);
  }

  /** Sends the head of a request, and as much of its body as is given. */
  open(body: string | undefined, headers: http.OutgoingHttpHeaders): ClientRequest {
    const sent = http.request({ port: this.port, host: '127.0.0.1', path: '/mcp', method: 'POST', headers });
    sent.on('error', () => undefined).flushHeaders();
    if (body !== undefined) sent.write(body);
    return sent;
  }

  /** Sends the head of a request and goes away when it is being checked. */
  async leave(): Promise<void> {
    const arrived = once(this.server, 'request');
    const sent = this.open(undefined, headersFor(100));
    await arrived;
    sent.destroy();
  }

  /** The only record there is when nothing can be written any more. */
  async only(): Promise<AuditRecord> {
    await this.records.reach(1);
    await this.close();
    expect(this.records.list).to.have.lengthOf(1);
    return this.records.list[0]!;
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

for (const [name, boot] of Object.entries(frameworks)) {
  describe(`auditLog over ${name}`, () => {
    let running: Running;

    /** The audit log and these checks in one mount, perhaps others after it. */
    const start = async (
      checks: readonly AnyMiddleware[],
      route: Route,
      later: readonly MountArguments[] = [],
    ): Promise<Running> => (running = await Running.start(boot, (audit) => [[audit, ...checks], ...later], route));

    afterEach(() => running.close());

    it('writes one record for a JSON answer', async () => {
      await start([identify, read], json);
      await running.post().expect(200);
      const record = await running.only();
      const { rpc, ...others } = record;
      expect(JSON.parse(JSON.stringify(rpc))).to.deep.equal([
        { kind: 'request', id: 1, method: 'tools/call', tool: 'echo', arguments: { value: { text: 'hello' } } },
      ]);
      expect(others).to.deep.include({
        outcome: 'allowed',
        status: 200,
        http: { method: 'POST', path: '/mcp', ip: record.http.ip },
        principal: { issuer: 'https://as.example.com', subject: 'ann', clientId: 'inspector' },
      });
      expect(record.http.ip).to.match(/127\.0\.0\.1$/);
      expect(record.decisions.map(({ middleware, effect }) => `${middleware} ${effect}`)).to.deep.equal([
        'auditLog allow',
        'identify allow',
        'read allow',
      ]);
      expect(record.durationMs).to.be.above(0);
    });

    it('writes one record for a GET without messages', async () => {
      await start([identify, read], json);
      await request(running.server).get('/mcp').set('Authorization', 'Bearer t').expect(200);
      expect(await running.only()).to.deep.include({ outcome: 'allowed', status: 200, rpc: [] });
    });

    it('writes one record for an event stream that ends', async () => {
      await start([identify, read], stream(true));
      await running.post().expect(200);
      expect(await running.only()).to.include({ outcome: 'allowed', status: 200 });
    });

    it('writes one record for an event stream that the client leaves', async () => {
      await start([identify, read], stream(false));
      const sent = running.open(WHOLE, headersFor(WHOLE.length));
      const [answer] = (await once(sent, 'response')) as [http.IncomingMessage];
      await once(answer, 'data');
      expect(running.records.list).to.be.empty;
      sent.destroy();
      const record = await running.only();
      expect(record).to.deep.include({ outcome: 'aborted', status: 200 });
      expect(record.rpc?.[0]?.tool).to.equal('echo');
    });

    it('writes one record for a client that leaves before the answer, with its address', async () => {
      await start([identify, read], () => sent.destroy());
      const sent = running.open(WHOLE, headersFor(WHOLE.length));
      const record = await running.only();
      expect(record).to.include({ outcome: 'aborted' });
      expect(record).to.not.have.property('status');
      expect(record.http.ip).to.match(/127\.0\.0\.1$/);
    });

    it('writes one record for a client that leaves before its body has arrived', async () => {
      let reading: () => void = () => undefined;
      const started = new Promise<void>((resolve) => (reading = resolve));
      const slow = check('slow', ({ request }) => {
        reading();
        return request.rpc();
      });
      await start([identify, slow], silent);
      const sent = running.open('{"jsonrpc"', headersFor(100));
      await started;
      sent.destroy();
      const record = await running.only();
      expect(record).to.include({ outcome: 'aborted' }).and.to.not.have.any.keys('status', 'rpc');
      expect(record.decisions.at(-1)).to.deep.include({ middleware: 'slow', code: 'body_incomplete' });
    });

    it('writes one record for a client that leaves while it is checked', async () => {
      const wait = check('wait', () => running.left);
      await start([identify, wait], json);
      await running.leave();
      const record = await running.only();
      expect(record).to.include({ outcome: 'aborted' }).and.to.not.have.any.keys('status', 'rpc');
      expect(record.principal?.subject).to.equal('ann');
    });

    it('calls denied what is denied after the client has left', async () => {
      const late = check('late', async () => {
        await running.left;
        throw new Denial(403, 'tool_undefined', 'The tool is not defined');
      });
      await start([identify, late], json);
      await running.leave();
      const record = await running.only();
      expect(record).to.include({ outcome: 'denied' }).and.to.not.have.property('status');
      expect(record.decisions.at(-1)).to.include({ middleware: 'late', code: 'tool_undefined' });
    });

    it('writes one record for a handler that throws', async () => {
      await start([identify, read], throws);
      await running.post().expect(500);
      expect(await running.only()).to.include({ outcome: 'failed', status: 500 });
    });

    it('writes one record for a check that throws, with the name of the error and not its text', async () => {
      const quiet = { onError: () => undefined };
      running = await Running.start(boot, (audit) => [[quiet, audit, identify, crash]], silent);
      await running.post().expect(500);
      const record = await running.only();
      expect(record).to.include({ outcome: 'failed', status: 500 });
      const last = record.decisions.at(-1);
      expect(last).to.deep.include({ middleware: 'crash', effect: 'deny', status: 500, code: 'internal_error' });
      expect(last?.error).to.deep.equal({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
      expect(JSON.stringify(record)).to.not.include('CANARY');
    });

    it('writes one record for an outage', async () => {
      await start([identify, down], silent);
      await running.post().expect(503);
      const record = await running.only();
      expect(record).to.include({ outcome: 'failed', status: 503 });
      expect(record.decisions.at(-1)).to.deep.include({
        middleware: 'down',
        code: 'unavailable',
        error: { name: 'Error', code: 'ECONNREFUSED' },
      });
    });

    it('writes one record for a stranger whose body has not arrived, and waits for none of it', async () => {
      await start([identify, read], silent);
      const stranger = running.open(undefined, { 'Content-Type': 'application/json', 'Content-Length': 1000 });
      const [answer] = (await once(stranger, 'response')) as [http.IncomingMessage];
      expect(answer.statusCode).to.equal(401);
      answer.resume();
      await once(answer, 'end');
      const record = await running.only();
      expect(record).to.include({ outcome: 'denied', status: 401 }).and.to.not.have.any.keys('rpc', 'principal');
      expect(record.decisions.at(-1)).to.include({ middleware: 'identify', code: 'token_missing' });
    });

    it('sees what later mounts decide, and still writes one record', async () => {
      await start([], silent, [[identify], [read, forbid]]);
      await running.post().expect(403);
      const record = await running.only();
      expect(record).to.deep.include({ outcome: 'denied', status: 403 });
      expect(record.principal?.subject).to.equal('ann');
      expect(record.rpc?.[0]?.tool).to.equal('echo');
      expect(record.decisions.at(-1)).to.deep.include({
        middleware: 'forbid',
        status: 403,
        code: 'tool_undefined',
        detail: { kind: 'tool' },
      });
    });

    it('calls denied what is answered with 200 and a JSON-RPC error', async () => {
      const mount = (audit: Middleware): MountArguments => [{ policyDenials: 'rpc' }, audit, identify, forbid];
      running = await Running.start(boot, (audit) => [mount(audit)], silent);
      await running.post().expect(200);
      const record = await running.only();
      expect(record).to.include({ outcome: 'denied', status: 200 });
      expect(record.decisions.at(-1)).to.include({ status: 403, code: 'tool_undefined' });
    });

    it('calls denied what a hook denies while the answer is on its way', async () => {
      const late = check('late', () => undefined, {
        head: () => {
          throw new Denial(403, 'tool_undefined', 'The tool is not defined');
        },
      });
      await start([identify, late], json);
      await running.post().expect(403);
      expect(await running.only()).to.include({ outcome: 'denied', status: 403 });
    });

    it('writes one record for each of many requests at once', async () => {
      await start([identify, read], json);
      const names = Array.from({ length: 25 }, (_, id) => `tool-${id}`);
      await Promise.all(names.map((tool) => running.post({ ...CALL, params: { name: tool } }).expect(200)));
      await running.records.reach(25);
      await running.close();
      const { list } = running.records;
      expect(list.map(({ rpc }) => rpc?.[0]?.tool)).to.have.members(names);
      expect(new Set(list.map(({ id }) => id))).to.have.lengthOf(25);
    });

    it('answers as ever when the sink throws, and says so', async () => {
      const told: unknown[] = [];
      const failing: readonly (() => unknown)[] = [
        () => {
          throw new Error('disk full');
        },
        () => Promise.reject(new Error('disk full')),
      ];
      for (const sink of failing) {
        const onError = (error: unknown, record?: AuditEvent): unknown =>
          told.push(error, record?.type === 'request' ? record.outcome : undefined);
        running = await Running.start(boot, () => [[auditLog({ sink, onError }), identify]], json);
        await running.post().expect(200);
        await running.close();
      }
      expect(told.filter((one) => one === 'allowed')).to.have.lengthOf(2);
      expect(told.filter((one) => one instanceof Error && one.message === 'disk full')).to.have.lengthOf(2);
    });

    it('leaves no secret in any record, wherever a client puts it', async () => {
      const secret = 'CANARY-s3cr3t';
      const body = {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        [secret]: secret,
        params: { name: 'echo', arguments: { text: secret, [secret]: [secret] }, _meta: { [secret]: secret } },
      };
      const leaky = check('leaky', ({ request }) => {
        if (request.headers['x-fail'] !== undefined) throw new Error(secret, { cause: new Error(secret) });
        if (request.headers['x-deny'] === undefined) return;
        throw new Denial(403, 'tool_undefined', secret, { detail: { token: secret }, cause: new Error(secret) });
      });
      const quiet = { onError: () => undefined };
      running = await Running.start(boot, (audit) => [[quiet, audit, identify, read, leaky]], json);
      const places: readonly Readonly<Record<string, string>>[] = [
        {},
        { 'x-fail': '1' },
        { 'x-deny': '1' },
        { Cookie: `session=${secret}` },
        { 'Mcp-Session-Id': secret, 'Last-Event-ID': secret, DPoP: secret, Signature: `sig=:${secret}:` },
        { 'X-Api-Key': secret, [secret]: secret, 'User-Agent': secret, Referer: `https://x/?t=${secret}` },
        { 'X-Forwarded-For': secret, Forwarded: `for=${secret}` },
      ];
      for (const headers of places) {
        const sent = request(running.server).post(`/mcp?access_token=${secret}&${secret}#${secret}`);
        await sent.set({ Authorization: `Bearer ${secret}`, ...headers }).send(body);
      }
      await request(running.server).get(`/mcp?${secret}`).set('Cookie', secret).expect(401);
      await rawTarget(running.port, `http://user:${secret}@host/mcp?${secret}`, secret);
      const resource = {
        ...body,
        method: 'resources/read',
        params: { uri: `db://u:${secret}@h/t?k=${secret}#${secret}` },
      };
      await running.post(resource).expect(200);
      const prompt = { ...body, method: 'prompts/get', params: { name: 'greet', arguments: { text: secret } } };
      await running.post([prompt, { jsonrpc: '2.0', id: 2, result: { text: secret } }]).expect(200);
      const count = places.length + 4;
      await running.records.reach(count);
      await running.close();
      expect(running.records.list).to.have.lengthOf(count);
      const outcomes = running.records.list.map(({ outcome }) => outcome);
      expect(outcomes).to.include.members(['allowed', 'denied', 'failed']);
      expect(JSON.stringify(running.records.events)).to.not.include(secret);
    });
  });
}

/** A request line as no client library would write it: the absolute form, with user information. */
async function rawTarget(port: number, target: string, secret: string): Promise<void> {
  const socket: Socket = connect(port, '127.0.0.1');
  const lines = [`GET ${target} HTTP/1.1`, 'Host: host', `Authorization: Bearer ${secret}`, 'Connection: close'];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  socket.resume();
  await once(socket, 'close');
}
