import type { Server } from 'node:http';
import { expect } from 'chai';
import request from 'supertest';
import { oidc } from '../../lib/providers/index.js';
import type { Middleware } from '../../lib/middleware.js';
import { fakeIssuer } from '../../lib/testing.js';
import { defineTools } from '../../lib/tools/defineTools.js';
import { authenticate } from '../../middleware/authenticate.js';
import { authorizeScopes } from '../../middleware/authorizeScopes.js';
import { MCP_SERVERS } from '../support/mcpServers.js';

const RESOURCE = 'https://mcp.example/mcp';
const tools = defineTools({ peek: { permissions: ['mcp'] } });
const PEEK = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'peek', arguments: {} } };

for (const [name, mount] of MCP_SERVERS) {
  describe(`a token that tools could pass on, on ${name}`, () => {
    const as = fakeIssuer({ resource: RESOURCE });
    let seen: (string | undefined)[];
    const later: Middleware = {
      name: 'later',
      needs: [],
      adds: [],
      run: ({ request: { headers } }) => {
        seen.push(headers['authorization']?.[0]);
        return {};
      },
      hooks: {
        settled: ({ request: { headers } }) => void seen.push(headers['authorization']?.[0]),
      },
    };
    const peek = async (exposeToken?: boolean): Promise<{ text: string; token: string }> => {
      seen = [];
      const options = exposeToken === undefined ? {} : { exposeToken };
      const issuers = [oidc({ issuer: as.issuer })];
      const checks = [
        authenticate({ issuers, resource: RESOURCE, fetch: as.fetch, ...options }),
        authorizeScopes({ tools }),
        later,
      ];
      const token = await as.token();
      const { text } = await request(mount({ checks }) as unknown as Server)
        .post('/mcp')
        .set('Authorization', `Bearer ${token}`)
        .set('accept', 'application/json, text/event-stream')
        .set('x-other', 'stays')
        .send(PEEK);
      return { text, token };
    };

    it('is shown to them as SDKs do, unless it is kept', async () => {
      for (const exposed of [undefined, true]) {
        const { text, token } = await peek(exposed);
        expect(text.split(token).length).to.be.greaterThan(2);
      }
    });

    it('is in nothing that they are given when it is kept, and their caller has its rights all the same', async () => {
      const { text, token } = await peek(false);
      expect(text).to.include('x-other').and.to.include('stays').and.to.include('clientId');
      expect(text)
        .not.to.include(token)
        .and.not.to.match(/authorization/i);
      expect(text).to.match(/\\"token\\":\\"\\"/);
    });

    it('is still seen by later checks, which may have to prove something about it', async () => {
      const { token } = await peek(false);
      expect(seen).to.deep.equal([`Bearer ${token}`, `Bearer ${token}`]);
    });
  });
}
