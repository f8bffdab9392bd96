import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { expect } from 'chai';
import request from 'supertest';
import { authenticate, authorizeScopes, defineTools, oidc, type AuthorizeScopesOptions } from '../../lib/index.js';
import { fakeIssuer } from '../../lib/testing.js';
import { frameworks } from '../support/frameworks.js';

const RESOURCE = 'https://mcp.example/mcp';
const METADATA = 'https://mcp.example/.well-known/oauth-protected-resource/mcp';

/** The fixture of the conformance scenario for SEP-2350: what each operation needs, and two tokens. */
const BASELINE = 'mcp:conformance:baseline';
const TOOL = ['mcp:conformance:tools:call', 'mcp:conformance:tools:test_simple_text'];
const RESOURCE_TEXT = ['mcp:conformance:resources:read', 'mcp:conformance:resources:static'];
const RESOURCE_TEMPLATE = ['mcp:conformance:resources:read', 'mcp:conformance:resources:template:123'];
const PROMPT = ['mcp:conformance:prompts:get', 'mcp:conformance:prompts:test_simple_prompt'];
const LOW = BASELINE;
const FULL = [...new Set([BASELINE, ...TOOL, ...RESOURCE_TEXT, ...RESOURCE_TEMPLATE, ...PROMPT])].join(' ');

const options: AuthorizeScopesOptions = {
  tools: defineTools({ test_simple_text: { permissions: TOOL } }),
  prompts: { test_simple_prompt: PROMPT },
  resources: {
    'test://static-text': RESOURCE_TEXT,
    'test://template/{id}/data': {
      permissions: ['mcp:conformance:resources:read'],
      permissionsFor: ({ arguments: { id } }) => [`mcp:conformance:resources:template:${String(id)}`],
    },
  },
  base: [BASELINE],
};

function createServer(): McpServer {
  const server = new McpServer({ name: 'sep-2350', version: '1.0.0' });
  const text = 'the text';
  server.registerTool('test_simple_text', {}, () => ({ content: [{ type: 'text', text }] }));
  server.registerPrompt('test_simple_prompt', {}, () => ({
    messages: [{ role: 'user', content: { type: 'text', text } }],
  }));
  server.registerResource('static', 'test://static-text', {}, ({ href }) => ({ contents: [{ uri: href, text }] }));
  const template = new ResourceTemplate('test://template/{id}/data', { list: undefined });
  server.registerResource('template', template, {}, ({ href }) => ({ contents: [{ uri: href, text }] }));
  return server;
}

const operations = [
  ['tools/call', { name: 'test_simple_text' }, TOOL],
  ['resources/read', { uri: 'test://static-text' }, RESOURCE_TEXT],
  ['resources/read', { uri: 'test://template/123/data' }, RESOURCE_TEMPLATE],
  ['prompts/get', { name: 'test_simple_prompt' }, PROMPT],
] as const;

for (const [framework, boot] of Object.entries(frameworks)) {
  describe(`the scope challenge of SEP-2350 on ${framework}`, () => {
    const issuer = fakeIssuer({ resource: RESOURCE });
    const mcp = toNodeHandler(createMcpHandler(createServer));
    const app = boot(
      [
        [
          authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource: RESOURCE, fetch: issuer.fetch }),
          authorizeScopes(options),
        ],
      ],
      (req, res) => void mcp(req as Parameters<typeof mcp>[0], res, (req as { body?: unknown }).body),
    );

    const send = async (method: string, params: object, scope: string) =>
      request(app)
        .post('/mcp')
        .set('Authorization', `Bearer ${await issuer.token({ scope })}`)
        .set('Accept', 'application/json, text/event-stream')
        .send({ jsonrpc: '2.0', id: 1, method, params });

    for (const [method, params, scopes] of operations) {
      const name = `${method} of ${Object.values(params).join()}`;

      it(`names the complete set of scopes for ${name}, then allows it`, async () => {
        const { status, headers } = await send(method, params, LOW);
        expect(status).to.equal(403);
        expect(headers['www-authenticate']).to.equal(
          `Bearer error="insufficient_scope", scope="${scopes.join(' ')}", resource_metadata="${METADATA}"`,
        );
        const allowed = await send(method, params, FULL);
        expect(allowed.status).to.equal(200);
        expect(allowed.text).to.include('the text');
        expect((await send(method, params, scopes.join(' '))).status).to.equal(200);
      });

      it(`names the same set for ${name} when all but one are held already`, async () => {
        for (const missing of scopes) {
          const held = FULL.split(' ').filter((scope) => scope !== missing);
          const { status, headers } = await send(method, params, held.join(' '));
          expect(status, missing).to.equal(403);
          expect(headers['www-authenticate'], missing).to.include(`scope="${scopes.join(' ')}"`);
        }
      });
    }

    it('names the scope of the very resource that is read', async () => {
      const { status, headers } = await send('resources/read', { uri: 'test://template/124/data' }, FULL);
      expect(status).to.equal(403);
      expect(headers['www-authenticate']).to.include(
        'scope="mcp:conformance:resources:read mcp:conformance:resources:template:124"',
      );
    });

    it('lets the baseline scope list what there is', async () => {
      expect((await send('tools/list', {}, LOW)).status).to.equal(200);
      expect((await send('tools/list', {}, 'other')).headers['www-authenticate']).to.include(`scope="${BASELINE}"`);
    });
  });
}
