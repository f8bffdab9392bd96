import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { createApp as expressV1 } from '../../examples/express-sdk-v1.js';
import { createApp as expressV2 } from '../../examples/express-server-v2.js';
import { createApp as koaV1 } from '../../examples/koa-sdk-v1.js';
import { createApp as koaV2 } from '../../examples/koa-server-v2.js';
import { startAuthorizationServer, type AuthorizationServer } from '../../examples/support/authorizationServer.js';
import type { CreateApp } from '../../examples/support/run.js';
import { boot } from './boot.js';

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'test', version: '1.0.0' },
};

/** A stream that is still open by then does not end at all. */
const PATIENCE_MS = 15_000;

type Open = (resource: string, token: string) => Promise<Response>;

const SERVERS: readonly (readonly [name: string, createApp: CreateApp, open: Open])[] = [
  ['GET stream of Express and sdk v1', (...given) => expressV1(...given, { sessions: true }), getStream],
  ['GET stream of Koa and sdk v1', (...given) => koaV1(...given, { sessions: true }), getStream],
  ['subscription of Express and server v2', expressV2, subscription],
  ['subscription of Koa and server v2', koaV2, subscription],
];

describe('a stream whose token runs out', () => {
  let authorizationServer: AuthorizationServer;
  let watched: readonly PromiseSettledResult<boolean>[];

  before(async () => {
    authorizationServer = await startAuthorizationServer();
    // All wait at the same time.
    watched = await Promise.allSettled(
      SERVERS.map(([, createApp, open]) => watch(authorizationServer, createApp, open)),
    );
  });

  after(() => authorizationServer.close());

  SERVERS.forEach(([name], index) => {
    it(`ends, and leaves that of a longer token open: ${name}`, () => {
      expect(watched[index]).to.deep.equal({ status: 'fulfilled', value: true });
    });
  });
});

/** Waits for the end of a short token's stream. Whether that of a long one is still open then. */
async function watch(server: AuthorizationServer, createApp: CreateApp, open: Open): Promise<boolean> {
  const { resource, close } = await boot(createApp, server);
  try {
    const long = await open(resource, await tokenOf(server, resource, 300));
    const short = await open(resource, await tokenOf(server, resource, 3));
    let isOpen = true;
    const ended = (): void => void (isOpen = false);
    void drain(long).then(ended, ended);
    await drain(short);
    await setImmediate();
    return isOpen;
  } finally {
    await close();
  }
}

function tokenOf({ issuer: iss, app, sign }: AuthorizationServer, aud: string, seconds: number): Promise<string> {
  const iat = Math.floor(Date.now() / 1000);
  return sign({ iss, aud, sub: 'demo-user', client_id: app.clientId, jti: randomUUID(), iat, exp: iat + seconds });
}

async function post(resource: string, token: string, message: object, headers: Record<string, string> = {}) {
  return fetch(resource, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
}

/** The stream of server messages of MCP up to 2025-11-25. */
async function getStream(resource: string, token: string): Promise<Response> {
  const opened = await post(resource, token, { id: 1, method: 'initialize', params: INITIALIZE });
  await opened.body?.cancel();
  const session = opened.headers.get('mcp-session-id') ?? '';
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'mcp-session-id': session };
  return fetch(resource, { headers, signal: AbortSignal.timeout(PATIENCE_MS) });
}

/** The stream of server messages of MCP 2026-07-28. */
function subscription(resource: string, token: string): Promise<Response> {
  const params = { notifications: { toolsListChanged: true }, _meta: META };
  return post(
    resource,
    token,
    { id: 1, method: 'subscriptions/listen', params },
    {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'subscriptions/listen',
    },
  );
}

async function drain(stream: Response): Promise<void> {
  expect(stream.status).to.equal(200);
  expect(stream.headers.get('content-type')).to.match(/^text\/event-stream/);
  await stream.text();
}
