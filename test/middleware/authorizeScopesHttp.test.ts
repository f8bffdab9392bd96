import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import request from 'supertest';
import { toExpress } from '../../adapters/express.js';
import {
  authenticate,
  authorizeScopes,
  contextOf,
  defineTools,
  oidc,
  requires,
  Unavailable,
  validateOrigin,
  type AnyMiddleware,
} from '../../lib/index.js';
import { fakeIssuer } from '../../lib/testing.js';
import { frameworks, type MountArguments, type Route } from '../support/frameworks.js';

const RESOURCE = 'https://mcp.example/mcp';
const METADATA = 'https://mcp.example/.well-known/oauth-protected-resource/mcp';
const ACCEPTED = 'application/json, text/event-stream';

const issuer = fakeIssuer({ resource: RESOURCE });
const auth = authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource: RESOURCE, fetch: issuer.fetch });
const tools = defineTools({
  read_file: { permissions: ['file:read'] },
  copy_file: { permissions: ['file:read', 'file:write'] },
  reset: { permissions: [], roles: ['admin'] },
  pay: { permissions: ['pay'], allow: ({ arguments: { amount } }) => amount === 1 },
});
const access = authorizeScopes({ tools, base: ['mcp'] });

const call = (name: string, args?: object, id = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
});
const rpc = (method: string) => ({ jsonrpc: '2.0', id: 1, method });

/** What the handler was given: it must be exactly what was decided over. */
interface Handled {
  readonly body: unknown;
  readonly required: readonly string[];
  readonly may: string;
}

for (const [framework, boot] of Object.entries(frameworks)) {
  describe(`authorizeScopes on ${framework}`, () => {
    const handled: Handled[] = [];
    const route: Route = (req, res) => {
      const { required, may } = contextOf(req, 'access').state.access;
      const { body } = req as IncomingMessage & { body?: unknown };
      handled.push({ body, required, may: may('tool', 'reset') });
      res.setHeader('Content-Type', 'application/json').end('{"jsonrpc":"2.0","id":1,"result":{}}');
    };
    const start = (...mounts: MountArguments[]) => boot(mounts, route);
    const app = start([auth, access]);

    const send = async (body: unknown, claims: Record<string, unknown> = {}, server = app) =>
      request(server)
        .post('/mcp')
        .set('Authorization', `Bearer ${await issuer.token(claims)}`)
        .set('Content-Type', 'application/json')
        .set('Accept', ACCEPTED)
        .send(typeof body === 'string' ? body : JSON.stringify(body));

    beforeEach(() => handled.splice(0));

    it('hands over what it decided, with what it proved', async () => {
      const { status } = await send(call('read_file', { path: '/x' }), { scope: 'file:read', roles: ['admin'] });
      expect(status).to.equal(200);
      expect(handled).to.deep.equal([{ body: call('read_file', { path: '/x' }), required: ['file:read'], may: 'yes' }]);
    });

    it('answers 403 with a challenge that names every scope, and calls no handler', async () => {
      const { status, headers, body } = await send(call('copy_file'), { scope: 'file:read' });
      expect(status).to.equal(403);
      expect(headers['www-authenticate']).to.equal(
        `Bearer error="insufficient_scope", scope="file:read file:write", resource_metadata="${METADATA}"`,
      );
      expect(body).to.deep.equal({
        jsonrpc: '2.0',
        id: 1,
        error: {
          code: 403,
          message: 'The access token has not all scopes that this needs',
          data: { code: 'scope_insufficient' },
        },
      });
      expect(handled).to.be.empty;
    });

    it('answers 403 without a challenge where no scope would help, and repeats nothing of the request', async () => {
      const table = [
        [call('<script>gone</script>'), 'tool_undefined'],
        [call('reset'), 'role_insufficient'],
        [call('pay', { amount: 2 }), 'argument_denied'],
        [rpc('tasks/list'), 'method_undefined'],
        [rpc('prompts/get'), 'prompt_undefined'],
        [rpc('resources/read'), 'resource_undefined'],
      ] as const;
      for (const [body, code] of table) {
        const { status, headers, body: answer, text } = await send(body, { scope: 'pay file:read' });
        expect(status, code).to.equal(403);
        expect(answer, code).to.have.nested.property('error.data.code', code);
        expect(headers, code).to.not.have.property('www-authenticate');
        expect(text).to.not.include('script');
      }
      expect(handled).to.be.empty;
    });

    it('answers those as JSON-RPC errors with status 200 where the adapter says so, but not what a scope would cure', async () => {
      const server = start([{ policyDenials: 'rpc' }, auth, access]);
      const { status, body } = await send(call('gone'), {}, server);
      expect(status).to.equal(200);
      expect(body).to.deep.include({ id: 1 });
      expect(body).to.have.nested.property('error.data.code', 'tool_undefined');
      expect((await send(call('read_file'), {}, server)).status).to.equal(403);
      expect(handled).to.be.empty;
    });

    it('lets no call slip through in a batch, a notification or a second member', async () => {
      const ping = rpc('ping');
      const smuggled = [
        [ping, call('read_file')],
        [call('read_file'), ping],
        [ping, { jsonrpc: '2.0', method: 'tools/call', params: { name: 'read_file' } }],
        { jsonrpc: '2.0', method: 'tools/call', params: { name: 'read_file' } },
        '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"read_file"}}',
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"gone"},"params":{"name":"read_file"}}',
        '{"jsonrpc":"2.0","id":1,"meth\\u006fd":"tools/call","params":{"n\\u0061me":"read_file"}}',
      ];
      for (const body of smuggled) {
        const { status, headers } = await send(body, { scope: 'mcp' });
        expect(status, JSON.stringify(body)).to.equal(403);
        expect(headers['www-authenticate']).to.match(/scope="(mcp )?file:read( mcp)?"/);
      }
      expect(handled).to.be.empty;
    });

    it('takes no word of a header for what the body says', async () => {
      const token = await issuer.token({ scope: 'mcp' });
      const { status } = await request(app)
        .post('/mcp')
        .set({ Authorization: `Bearer ${token}`, 'Mcp-Method': 'ping', 'Content-Type': 'application/json' })
        .send(JSON.stringify(call('read_file')));
      expect(status).to.equal(400);
      expect(handled).to.be.empty;
    });

    it('decides over GET and DELETE by the base rule', async () => {
      for (const method of ['GET', 'DELETE']) {
        const ask = () => (method === 'GET' ? request(app).get('/mcp') : request(app).delete('/mcp'));
        const asking = async (scope: string) => ask().set('Authorization', `Bearer ${await issuer.token({ scope })}`);
        const denied = await asking('file:read');
        expect(denied.status, method).to.equal(403);
        expect(denied.headers['www-authenticate'], method).to.include('scope="mcp"');
        expect((await asking('mcp')).status, method).to.equal(200);
        expect((await ask()).status, method).to.equal(401);
      }
    });

    it('decides over responses of the client by the base rule', async () => {
      const answer = { jsonrpc: '2.0', id: 7, result: { method: 'tools/call', params: { name: 'read_file' } } };
      expect((await send(answer, { scope: 'file:read' })).status).to.equal(403);
      expect((await send(answer, { scope: 'mcp' })).status).to.equal(200);
    });

    it('gives two callers at the same time each their own rights', async () => {
      const scopes = ['file:read', 'mcp'];
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => send(call('read_file'), { sub: `user-${i}`, scope: scopes[i % 2] })),
      );
      expect(answers.map(({ status }) => status)).to.deep.equal(answers.map((_, i) => (i % 2 === 0 ? 200 : 403)));
    });

    it('answers 503 when the policy engine is down and a constant 500 when it breaks', async () => {
      const failing = (error: Error): MountArguments => [
        { onError: () => undefined },
        auth,
        authorizeScopes({ tools, decide: () => Promise.reject(error) }),
      ];
      const down = await send(
        call('read_file'),
        { scope: 'file:read' },
        start(failing(new Unavailable('The engine is down'))),
      );
      expect(down.status).to.equal(503);
      expect(down.headers).to.have.property('retry-after', '5');
      const broken = await send(call('read_file'), { scope: 'file:read' }, start(failing(new Error('secret'))));
      expect(broken.status).to.equal(500);
      expect(broken.text).to.not.include('secret');
      expect(handled).to.be.empty;
    });

    it('works in a mount of its own', async () => {
      const server = start([auth], [requires('auth'), access]);
      expect((await send(call('read_file'), { scope: 'file:read' }, server)).status).to.equal(200);
      expect((await send(call('read_file'), { scope: 'mcp' }, server)).status).to.equal(403);
    });
  });
}

describe('authorizeScopes in a chain', () => {
  it('does not compile and does not start before who calls is proven', () => {
    const origin = validateOrigin({ resource: RESOURCE });
    // @ts-expect-error nothing proves who calls
    expect(() => toExpress(access)).to.throw(TypeError, "nothing before it adds 'auth' or 'signature'");
    // @ts-expect-error the order is wrong
    expect(() => toExpress(origin, access, auth)).to.throw(
      TypeError,
      "authorizeScopes is mounted too early: nothing before it adds 'auth' or 'signature'; mount authenticate or verifySignature before it",
    );
    expect(() => toExpress(origin, auth, access)).to.not.throw();
  });

  it('does not start before a check whose proof it reads', () => {
    const late: AnyMiddleware = { name: 'late', needs: [], adds: [], mayAdd: ['signature'], run: () => ({}) };
    expect(() => (toExpress as (...list: readonly AnyMiddleware[]) => unknown)(auth, access, late)).to.throw(
      TypeError,
      "late is mounted too late: authorizeScopes reads 'signature'",
    );
  });
});
