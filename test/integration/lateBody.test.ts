import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import express from 'express';
import Koa from 'koa';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import { authenticate, authorizeScopes, defineTools, oidc, requires } from '../../lib/index.js';
import { fakeIssuer } from '../../lib/testing.js';

const resource = 'https://mcp.example.com/mcp';
const BODY = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'purge', arguments: {} } });
const TOLERANCE = 5;

describe('a body that arrives after its token has ended', () => {
  let time: number;
  let called: number;
  let server: Server | undefined;
  const now = (): Date => new Date(time);
  const as = fakeIssuer({ resource, now });
  const checks = () => {
    const tools = defineTools({ purge: { permissions: [] } });
    const issuers = [oidc({ issuer: as.issuer })];
    return [
      authenticate({ issuers, resource, clockTolerance: TOLERANCE, fetch: as.fetch, now }),
      authorizeScopes({ tools }),
    ] as const;
  };

  beforeEach(() => {
    time = Date.UTC(2026, 0, 1);
    called = 0;
  });
  afterEach(() => {
    server?.close();
    server?.closeAllConnections();
  });

  const apps: Record<string, () => RequestListener> = {
    Express: () =>
      express()
        .use(toExpress(...checks()))
        .use((_req, res) => {
          called += 1;
          res.json({});
        }),
    'Express, with the checks in two mounts': () => {
      const [authenticates, authorizes] = checks();
      return express()
        .use(toExpress(authenticates))
        .use(toExpress(requires('auth'), authorizes))
        .use((_req, res) => {
          called += 1;
          res.json({});
        });
    },
    Koa: () =>
      new Koa()
        .use(toKoa(...checks()))
        .use((ctx) => {
          called += 1;
          ctx.body = {};
        })
        .callback(),
  };

  for (const [name, make] of Object.entries(apps)) {
    for (const [seconds, status] of [
      [TOLERANCE - 1, 200],
      [TOLERANCE, 401],
      [60, 401],
    ] as const) {
      it(`is answered with ${status} on ${name}, ${seconds} seconds after`, async () => {
        server = createServer(make()).listen(0, '127.0.0.1');
        await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        const authorization = `Bearer ${await as.token({ exp: time / 1000 + 2 })}`;
        const headers = { authorization, 'content-type': 'application/json', 'content-length': BODY.length };
        const sent = request({ port, host: '127.0.0.1', method: 'POST', path: '/mcp', headers });
        sent.write(BODY.slice(0, 20));
        await once(server, 'request');
        await new Promise((resolve) => setTimeout(resolve, 50));
        time += (2 + seconds) * 1000;
        sent.end(BODY.slice(20));
        const [answer] = (await once(sent, 'response')) as [IncomingMessage];
        answer.resume();
        expect(answer.statusCode).to.equal(status);
        expect(called).to.equal(status === 200 ? 1 : 0);
      });
    }
  }
});
