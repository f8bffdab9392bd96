// What an application without an SDK passes to callTool: the request of Express, or the context of Koa.
import { createServer, type RequestListener, type Server } from 'node:http';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import express from 'express';
import Koa from 'koa';
import request from 'supertest';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import {
  auditLog,
  authenticate,
  authorizeScopes,
  callStackGuard,
  callTool,
  contextOf,
  defineTools,
  isDenial,
  oidc,
  type AuditEvent,
} from '../../lib/index.js';
import { fakeIssuer, fakeSigner, type FakeSigner } from '../../lib/testing.js';

const require = createRequire(import.meta.url);

/** What the handlers here use of either: both frameworks have them. */
interface Source {
  readonly path: string;
  readonly get: (header: string) => string | undefined;
}

const authority = fakeIssuer();
const { issuer, resource, fetch } = authority;
const tools = defineTools({
  report: { permissions: ['file:read'] },
  read: { permissions: ['file:read'], allowedCallers: ['report'] },
  parse: { permissions: [] },
  wipe: { permissions: ['file:delete'] },
});

type Work = (source: Source) => Promise<unknown>;
type Boot = (checks: ReturnType<typeof checksOf>, work: Work) => RequestListener;

function checksOf(signer: FakeSigner, events: AuditEvent[]) {
  return [
    auditLog({ sink: (event) => events.push(event), level: 'all' }),
    authenticate({ issuers: [oidc({ issuer })], resource, fetch }),
    authorizeScopes({ tools }),
    callStackGuard({ tools, identity: { resource, signer } }),
  ] as const;
}

const onExpress =
  (framework: typeof express): Boot =>
  (checks, work) =>
    framework()
      .use('/mcp', toExpress(...checks))
      .post('/mcp', (req, res, next) => {
        void work(req).then((answer) => void res.json(answer), next);
      }) as RequestListener;

const onKoa =
  (Framework: typeof Koa): Boot =>
  (checks, work) => {
    const app = new Framework().use(toKoa(...checks)).use(async (ctx) => {
      ctx.body = await work(ctx);
    });
    const handle = app.callback();
    return (req, res) => void handle(req, res);
  };

const SOURCES: Readonly<Record<string, Boot>> = {
  'a request of Express 5': onExpress(express),
  'a request of Express 4': onExpress(require('express4') as typeof express),
  'a context of Koa 3': onKoa(Koa),
  'a context of Koa 2': onKoa(require('koa2') as typeof Koa),
};

for (const [what, boot] of Object.entries(SOURCES)) {
  describe(`callTool with ${what}`, () => {
    let signer: FakeSigner;
    let server: Server;
    let events: AuditEvent[];

    before(async () => {
      signer = await fakeSigner();
    });
    beforeEach(() => {
      events = [];
    });
    afterEach(() => server.close());

    /** Sends a call of `report`, whose handler does `work`. */
    async function report(work: Work): Promise<unknown> {
      server = createServer(boot(checksOf(signer, events), work));
      const token = await authority.token({ scope: 'file:read' });
      const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'report', arguments: {} } };
      const sent = request(server).post('/mcp').set('Authorization', `Bearer ${token}`).set('X-Note', 'hello');
      const { body, status } = await sent.send(call);
      expect(status).to.equal(200);
      return body as unknown;
    }
    const stackOf = (source: Source): readonly string[] =>
      contextOf(source, 'callStack').state.callStack.frames.map(({ tool }) => tool);

    it('calls a tool, and one from there, each with a stack of its own', async () => {
      const answer = await report(async (source) => {
        const inner = await callTool(source, 'read', { name: 'a' }, async ({ name }, one) => ({
          name,
          stack: stackOf(one),
          deeper: await callTool(one, 'parse', {}, (_args, two) => stackOf(two)),
        }));
        return { ...inner, outer: stackOf(source) };
      });
      expect(answer).to.deep.equal({
        name: 'a',
        stack: ['report', 'read'],
        deeper: ['report', 'read', 'parse'],
        outer: ['report'],
      });
    });

    it('gives the handler a source that works as the one it stands for, and the same caller', async () => {
      const answer = await report((source) =>
        callTool(source, 'read', {}, (_args, inner) => ({
          note: inner.get('x-note'),
          path: inner.path,
          clientId: contextOf(inner, 'auth').state.auth.clientId,
          isAnother: inner !== source,
        })),
      );
      expect(answer).to.deep.include({ note: 'hello', path: '/mcp', isAnother: true });
      expect(answer).to.have.property('clientId').that.is.a('string');
    });

    it('denies what the caller may not hand on, and records it', async () => {
      const answer = await report((source) =>
        callTool(source, 'wipe', {}, () => 'wiped').catch((error: unknown) => ({
          code: isDenial(error) && error.code,
        })),
      );
      expect(answer).to.deep.equal({ code: 'privilege_escalated' });
      expect(events.find((event) => 'code' in event)).to.include({ status: 403, code: 'privilege_escalated' });
    });

    it('records both ends of the call, and who made it', async () => {
      await report((source) => callTool(source, 'read', {}, () => 'done'));
      const inner = events.filter((event) => 'caller' in event);
      expect(inner.map(({ type }) => type)).to.deep.equal(['call_started', 'call_succeeded']);
      for (const one of inner) expect(one).to.include({ tool: 'read', caller: `${resource}#report` });
    });

    it('ends the call with its stack, and with the signal that it was given', async () => {
      const answer = await report(async (source) => {
        const ending = new AbortController();
        const gone = callTool(source, 'read', {}, () => new Promise(() => undefined), { signal: ending.signal });
        ending.abort();
        const failure = await gone.catch((error: unknown) => (error as Error).name);
        const kept = await callTool(source, 'read', {}, (_args, inner) => inner);
        const late = await callTool(kept, 'parse', {}, () => 'late').catch(
          (error: unknown) => isDenial(error) && error.code,
        );
        return { failure, late };
      });
      expect(answer).to.deep.equal({ failure: 'AbortError', late: 'call_ended' });
    });
  });
}
