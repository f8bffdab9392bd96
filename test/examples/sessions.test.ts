import { expect } from 'chai';
import { createApp as expressV1 } from '../../examples/express-sdk-v1.js';
import { createApp as koaV1 } from '../../examples/koa-sdk-v1.js';
import { startAuthorizationServer, type AuthorizationServer } from '../../examples/support/authorizationServer.js';
import { send, type Answer, type Wire } from '../../examples/support/send.js';
import type { CreateApp } from '../../examples/support/run.js';
import { boot, type Booted } from '../integration/boot.js';

const INITIALIZE = {
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1.0.0' } },
};
const SERVERS: Readonly<Record<string, CreateApp>> = {
  'express-sdk-v1': (...settings) => expressV1(...settings, { sessions: true }),
  'koa-sdk-v1': (...settings) => koaV1(...settings, { sessions: true }),
};

for (const [name, createApp] of Object.entries(SERVERS)) {
  describe(`a session of ${name}`, () => {
    let authorizationServer: AuthorizationServer;
    let booted: Booted;
    let session: string;

    before(async () => {
      authorizationServer = await startAuthorizationServer();
      booted = await boot(createApp, authorizationServer);
      const opened = await as('alice', 'app', { body: rpc(INITIALIZE) });
      session = String(opened.headers['mcp-session-id']);
    });

    after(async () => {
      await booted.close();
      await authorizationServer.close();
    });

    const rpc = (message: object): string => JSON.stringify({ jsonrpc: '2.0', id: 1, ...message });

    const as = async (sub: string, client: string, { headers, ...wire }: Wire): Promise<Answer> => {
      const iat = Math.floor(Date.now() / 1000);
      const identity = { iss: authorizationServer.issuer, sub, client_id: client, jti: `${sub} ${client}` };
      const token = await authorizationServer.sign({ ...identity, aud: booted.resource, iat, exp: iat + 300 });
      const usual = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
      return send(booted.resource, { ...wire, headers: { ...usual, ...headers, Authorization: `Bearer ${token}` } });
    };

    const call = (method = 'POST'): Wire => ({
      method,
      headers: { 'Mcp-Session-Id': session },
      ...(method === 'POST' ? { body: rpc({ method: 'tools/list' }) } : {}),
    });

    it('serves whoever opened it', async () => {
      expect(await as('alice', 'app', call())).to.include({ status: 200 });
    });

    for (const method of ['POST', 'GET', 'DELETE']) {
      it(`does not exist for another user, nor for another client of the user: ${method}`, async () => {
        for (const [user, client] of [
          ['mallory', 'app'],
          ['alice', 'other'],
        ] as const) {
          const answer = await as(user, client, call(method));
          expect(answer.status).to.equal(404);
          expect(JSON.parse(answer.body)).to.deep.include({
            error: { code: -32001, message: 'Session not found', data: { code: 'session_unknown' } },
          });
        }
      });
    }

    it('is over when its owner deletes it', async () => {
      expect(await as('alice', 'app', call('DELETE'))).to.include({ status: 200 });
      expect(await as('alice', 'app', call())).to.include({ status: 404 });
    });
  });
}
