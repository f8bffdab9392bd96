import { expect } from 'chai';
import request from 'supertest';
import {
  authenticate,
  bindSession,
  memorySessions,
  oidc,
  type AnyMiddleware,
  type Decision,
  type SessionStore,
} from '../../lib/index.js';
import { fakeIssuer } from '../../lib/testing.js';
import { frameworks, type Route } from '../support/frameworks.js';

const RESOURCE = 'https://mcp.example/mcp';
const PING = { jsonrpc: '2.0', id: 7, method: 'ping' };
const NOT_FOUND = {
  jsonrpc: '2.0',
  id: null,
  error: { code: -32001, message: 'Session not found', data: { code: 'session_unknown' } },
};

const issuer = fakeIssuer({ resource: RESOURCE });
const auth = authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource: RESOURCE, fetch: issuer.fetch });

/** A store that answers when the test says so. */
function heldStore() {
  const { bind, ...store } = memorySessions();
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const log: string[] = [];
  const held: SessionStore = {
    ...store,
    bind: async (...args) => {
      log.push('asked');
      await opened;
      log.push('stored');
      return bind(...args);
    },
  };
  return {
    store: held,
    log,
    open: () => {
      open();
    },
  };
}

for (const [framework, boot] of Object.entries(frameworks)) {
  describe(`bindSession on ${framework}`, () => {
    let decisions: Decision[];
    let handled: string[];
    const watch: AnyMiddleware = {
      name: 'watch',
      needs: [],
      adds: [],
      run: () => ({}),
      hooks: { decided: (_ctx, decision) => void decisions.push(decision) },
    };
    // Hands out the id that a test asks for.
    const route: Route = (req, res) => {
      handled.push(req.method ?? '');
      const issue = req.headers['x-issue'];
      if (issue !== undefined) res.setHeader('Mcp-Session-Id', issue);
      res.writeHead(200, { 'Content-Type': 'application/json' }).end('{"jsonrpc":"2.0","id":7,"result":{}}');
    };
    const start = (store: SessionStore = memorySessions()) => boot([[watch, auth, bindSession({ store })]], route);

    const send = async (
      app: ReturnType<typeof start>,
      sub: string,
      headers: Record<string, string | string[]> = {},
      method: 'post' | 'get' | 'delete' = 'post',
    ) => {
      const agent = request(app);
      const call = agent[method]('/mcp').set('Authorization', `Bearer ${await issuer.token({ sub })}`);
      for (const [name, value] of Object.entries(headers)) void call.set(name, value as string);
      return method === 'post' ? call.send(PING) : call;
    };

    beforeEach(() => {
      decisions = [];
      handled = [];
    });

    it('lets the owner in and nobody else, with POST, GET and DELETE', async () => {
      const app = start();
      expect((await send(app, 'alice', { 'X-Issue': 's1' })).headers).to.have.property('mcp-session-id', 's1');
      handled = [];
      for (const method of ['post', 'get', 'delete'] as const) {
        const foreign = await send(app, 'mallory', { 'Mcp-Session-Id': 's1' }, method);
        expect(foreign.status).to.equal(404);
        expect(foreign.body).to.deep.equal(NOT_FOUND);
        expect(foreign.headers).to.not.have.property('mcp-session-id');
      }
      expect(handled).to.deep.equal([]);
      const denied = decisions.filter(({ effect }) => effect === 'deny');
      expect(denied.map((one) => 'detail' in one && one.detail)).to.deep.equal(Array(3).fill({ reason: 'foreign' }));
      for (const method of ['post', 'get', 'delete'] as const) {
        expect((await send(app, 'alice', { 'Mcp-Session-Id': 's1' }, method)).status).to.equal(200);
      }
      expect((await send(app, 'alice', { 'Mcp-Session-Id': 's1' })).status).to.equal(404);
    });

    it('does not know a session that was opened before it was mounted', async () => {
      expect((await send(start(), 'alice', { 'Mcp-Session-Id': 'older' })).status).to.equal(404);
    });

    it('shows a client no id before its owner is stored', async () => {
      const { store, log, open } = heldStore();
      const answered = send(start(store), 'alice', { 'X-Issue': 's1' }).then(({ headers }) => {
        log.push('answered');
        return headers;
      });
      while (!log.includes('asked')) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(log).to.deep.equal(['asked']);
      open();
      expect(await answered).to.have.property('mcp-session-id', 's1');
      expect(log).to.deep.equal(['asked', 'stored', 'answered']);
    });

    it('answers 503 without the id when the owner cannot be stored', async () => {
      const bind = () => Promise.reject(new Error('ECONNREFUSED at 10.1.2.3'));
      const { status, headers, text } = await send(start({ ...memorySessions(), bind }), 'alice', {
        'X-Issue': 'secret-id',
      });
      expect(status).to.equal(503);
      expect(headers).to.have.property('retry-after');
      expect(headers).to.not.have.property('mcp-session-id');
      expect(text).to.not.match(/secret-id|ECONNREFUSED|10\.1/);
      expect(JSON.parse(text)).to.have.nested.property('error.data.code', 'unavailable');
    });

    it('answers 500 without the id when the server hands out one of somebody else', async () => {
      const app = start();
      await send(app, 'alice', { 'X-Issue': 's1' });
      const { status, headers, text } = await send(app, 'mallory', { 'X-Issue': 's1' });
      expect(status).to.equal(500);
      expect(headers).to.not.have.property('mcp-session-id');
      expect(JSON.parse(text)).to.have.nested.property('error.data.code', 'session_conflict');
      expect((await send(app, 'alice', { 'Mcp-Session-Id': 's1' })).status).to.equal(200);
    });

    it('gives one id to one of two who are handed it at the same time', async () => {
      const app = start();
      const answers = await Promise.all(['alice', 'bob'].map((sub) => send(app, sub, { 'X-Issue': 's1' })));
      expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 500]);
      const [owner = '', other = ''] = answers[0]?.status === 200 ? ['alice', 'bob'] : ['bob', 'alice'];
      expect((await send(app, owner, { 'Mcp-Session-Id': 's1' })).status).to.equal(200);
      expect((await send(app, other, { 'Mcp-Session-Id': 's1' })).status).to.equal(404);
    });

    it('answers 400 to two session headers and to an id that cannot be one', async () => {
      const app = start();
      const malformed = await send(app, 'alice', { 'Mcp-Session-Id': 'a b' });
      expect(malformed.status).to.equal(400);
      expect(malformed.body).to.have.nested.property('error.data.code', 'session_malformed');
      expect(malformed.text).to.not.include('a b');
      const twice = { 'Mcp-Session-Id': ['s1', 's1'] };
      expect((await send(app, 'alice', twice)).body).to.have.nested.property('error.data.code', 'header_duplicate');
      expect(handled).to.deep.equal([]);
    });
  });
}
