import { createMcpExpressApp as createAppOfV2 } from '@modelcontextprotocol/express';
import { createMcpExpressApp as createAppOfV1 } from '@modelcontextprotocol/sdk/server/express.js';
import { expect } from 'chai';
import { createApp as expressV1 } from '../../examples/express-sdk-v1.js';
import { createApp as expressV2 } from '../../examples/express-server-v2.js';
import { createApp as koaV1 } from '../../examples/koa-sdk-v1.js';
import { createApp as koaV2 } from '../../examples/koa-server-v2.js';
import { startAuthorizationServer, type AuthorizationServer } from '../../examples/support/authorizationServer.js';
import { CLIENTS, connect, type ClientKind, type Connection } from '../../examples/support/clients.js';
import { asUser } from '../../examples/support/login.js';
import type { CreateApp } from '../../examples/support/run.js';
import { boot, recorder, type Booted } from './boot.js';

interface Server {
  readonly createApp: CreateApp;
  readonly line: 'v1' | 'v2';
  readonly sessions?: boolean;
}

const SERVERS: Readonly<Record<string, Server>> = {
  'Express and sdk v1': { line: 'v1', createApp: expressV1 },
  'Express and sdk v1 with sessions': {
    line: 'v1',
    sessions: true,
    createApp: (...settings) => expressV1(...settings, { sessions: true }),
  },
  'Express and server v2': { line: 'v2', createApp: expressV2 },
  'Koa and sdk v1': { line: 'v1', createApp: koaV1 },
  'Koa and sdk v1 with sessions': {
    line: 'v1',
    sessions: true,
    createApp: (...settings) => koaV1(...settings, { sessions: true }),
  },
  'Koa and server v2': { line: 'v2', createApp: koaV2 },
  // Both factories mount express.json() in front of everything.
  'createMcpExpressApp of sdk v1': {
    line: 'v1',
    createApp: (...settings) => createAppOfV1().use(expressV1(...settings)),
  },
  'createMcpExpressApp of server v2': {
    line: 'v2',
    createApp: (...settings) => createAppOfV2().use(expressV2(...settings)),
  },
};

describe('official clients and servers, with a real authorization server', () => {
  let authorizationServer: AuthorizationServer;

  before(async () => {
    authorizationServer = await startAuthorizationServer();
  });

  after(() => authorizationServer.close());

  for (const [name, server] of Object.entries(SERVERS)) {
    describe(name, () => {
      let booted: Booted;

      before(async () => {
        booted = await boot(server.createApp, authorizationServer);
      });

      after(() => booted.close());

      for (const kind of CLIENTS) {
        describe(`behind ${kind}`, () => {
          itServes(kind, server, () => ({ booted, authorizationServer }));
        });
      }
    });
  }
});

type Current = () => { readonly booted: Booted; readonly authorizationServer: AuthorizationServer };

function itServes(kind: ClientKind, { line, sessions = false }: Server, current: Current): void {
  const era = kind === 'client v2 auto' && line === 'v2' ? 'modern' : 'legacy';
  let client: Connection;
  let seen: ReturnType<typeof recorder>;
  let recordsBefore: number;

  before(async () => {
    const { booted, authorizationServer } = current();
    recordsBefore = booted.records.length;
    seen = recorder(booted.resource);
    client = await connect(kind, booted.resource, asUser(authorizationServer), seen.fetch);
  });

  after(() => client.close());

  it('is asked for a token first, and finds the authorization server from there', () => {
    const { origin, pathname } = new URL(current().booted.resource);
    const [first] = seen.exchanged;
    expect(first).to.deep.include({ status: 401, session: null });
    const metadata = `${origin}/.well-known/oauth-protected-resource${pathname}`;
    expect(first?.challenge?.split(', DPoP ')[0]).to.equal(`Bearer resource_metadata="${metadata}"`);
  });

  it(`speaks the ${era} protocol`, () => {
    expect(client.era).to.equal(era);
    const opening = era === 'modern' ? 'server/discover' : 'initialize';
    expect(seen.exchanged.find(({ rpc, status }) => rpc === opening && status === 200)).to.not.equal(undefined);
  });

  it('lists the tools', async () => {
    expect(await client.tools()).to.have.members(['whoami', 'add', 'secure_file_read', 'purge']);
  });

  it('calls tools within its scopes, and the handler knows the caller', async () => {
    expect(JSON.parse(await client.call('whoami'))).to.deep.equal({
      subject: 'demo-user',
      clientId: 'demo-app',
      scopes: ['file:read', 'audit:log'],
    });
    expect(await client.call('add', { a: 2, b: 3 })).to.equal('5');
    expect(await client.call('secure_file_read', { name: 'notes.txt' })).to.equal('Buy milk.');
  });

  it('is denied a tool beyond them with all scopes it takes, and steps up', async () => {
    const start = seen.exchanged.length;
    expect(await client.call('purge')).to.match(/^\d+ gone$/);
    const calls = seen.exchanged.slice(start).filter(({ rpc }) => rpc === 'tools/call');
    expect(calls.map(({ status }) => status)).to.deep.equal([403, 200]);
    expect(calls[0]?.challenge).to.match(/^Bearer error="insufficient_scope", scope="file:delete audit:log", /);
    const { scopes } = JSON.parse(await client.call('whoami')) as { scopes: string[] };
    expect(scopes).to.include.members(['file:delete', 'audit:log']);
  });

  it(sessions ? 'stays in one session' : 'has no session', () => {
    const calls = seen.exchanged.filter(({ rpc }) => rpc === 'tools/call');
    const ids = new Set(calls.map(({ session }) => session));
    expect(ids).to.have.lengthOf(1);
    expect(ids.has(null)).to.equal(!sessions);
  });

  it('leaves an audit record for each call and denial', () => {
    const records = current().booted.records.slice(recordsBefore);
    const outcomes = records
      .filter(({ rpc }) => rpc?.some(({ tool }) => tool === 'purge'))
      .map(({ outcome, status, principal }) => ({ outcome, status, subject: principal?.subject }));
    expect(outcomes).to.deep.equal([
      { outcome: 'denied', status: 403, subject: 'demo-user' },
      { outcome: 'allowed', status: 200, subject: 'demo-user' },
    ]);
  });
}
