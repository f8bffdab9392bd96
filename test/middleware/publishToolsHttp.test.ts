import { expect } from 'chai';
import request from 'supertest';
import { digestOfTool, MANIFEST, type WireTool } from '../../lib/definitions/form.js';
import { verifyManifest, verifyTool } from '../../lib/definitions/verify.js';
import {
  authenticate,
  authorizeScopes,
  defineTools,
  memoryVersions,
  oidc,
  publishTools,
  type AdapterOptions,
} from '../../lib/index.js';
import { fakeIssuer, fakeSigner, type FakeSigner } from '../../lib/testing.js';
import { SERVER, trustIn } from '../lib/definitions/support.js';
import { frameworks, type Route } from '../support/frameworks.js';

interface Answer {
  readonly id: number;
  readonly result?: { readonly tools: readonly WireTool[]; readonly cacheScope?: string; readonly _meta: WireTool };
  readonly error?: { readonly code: number; readonly data: { readonly code: string } };
}

const issuer = fakeIssuer({ resource: SERVER });
const tools = defineTools({
  add: { version: '1.0.0', permissions: [] },
  purge: { version: '1.0.0', permissions: ['file:delete'] },
});
const ADD: WireTool = { name: 'add', description: 'Adds \u20ac', inputSchema: { type: 'object' } };
const PURGE: WireTool = { name: 'purge', description: 'Deletes', inputSchema: { type: 'object' } };
const list = (id = 1) => ({ jsonrpc: '2.0', id, method: 'tools/list' });
const call = (name: string, id = 1) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } });
const answer = (id: number, served: readonly WireTool[]) => ({
  jsonrpc: '2.0',
  id,
  result: { resultType: 'complete', cacheScope: 'public', tools: served },
});

for (const [framework, boot] of Object.entries(frameworks)) {
  describe(`publishTools on ${framework}`, () => {
    let signer: FakeSigner;
    let find: ReturnType<typeof trustIn>;
    /** What the handler answers, whatever it was asked. */
    let answered: unknown;
    let served: 'application/json' | 'text/event-stream';
    let start: (options?: AdapterOptions) => ReturnType<typeof boot>;

    before(async () => {
      signer = await fakeSigner();
      find = trustIn([[SERVER, signer]]);
    });

    beforeEach(() => {
      served = 'application/json';
      const mounts = [
        authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource: SERVER, fetch: issuer.fetch }),
        authorizeScopes({ tools }),
        publishTools({ tools, signer, resource: SERVER, versions: memoryVersions(), onEvent: () => undefined }),
      ];
      const route: Route = (_req, res) => {
        const messages = Array.isArray(answered) ? (answered as unknown[]) : [answered];
        const text =
          served === 'application/json'
            ? JSON.stringify(answered)
            : messages.map((one, id) => `id: ${id}\nevent: message\ndata: ${JSON.stringify(one)}\n\n`).join('');
        res.writeHead(200, { 'Content-Type': served, 'Content-Length': Buffer.byteLength(text) }).end(text);
      };
      start = (options = {}) => boot([[options, ...mounts]], route);
    });

    const send = async (app: ReturnType<typeof boot>, body?: unknown, scope = '') => {
      const token = await issuer.token({ scope });
      const http = request(app);
      const asked = (body === undefined ? http.get('/mcp') : http.post('/mcp'))
        .set('Authorization', `Bearer ${token}`)
        .set('Accept', 'application/json, text/event-stream');
      const { status, text } = await (body === undefined ? asked : asked.send(body as object)).buffer(true);
      const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data) as Answer);
      const answers = text.startsWith('{') || text.startsWith('[') ? ([JSON.parse(text)].flat() as Answer[]) : events;
      return { status, text, answers };
    };
    const namesOf = ({ result }: Answer): unknown => result?.tools.map(({ name }) => name);

    for (const type of ['application/json', 'text/event-stream'] as const) {
      it(`signs the tools that the caller may use, in ${type}`, async () => {
        served = type;
        answered = answer(1, [ADD, PURGE]);
        const app = start();
        const few = await send(app, list());
        const all = await send(app, list(), 'file:delete');
        expect([few, all].map(({ answers: [one] }) => one && namesOf(one))).to.deep.equal([['add'], ['add', 'purge']]);
        expect(few.text).to.not.include('purge');
        for (const { answers } of [few, all]) {
          const result = answers[0]?.result;
          expect(result?.cacheScope).to.equal('private');
          for (const tool of result?.tools ?? []) {
            expect(await verifyTool(tool, find, new Date())).to.have.property('digest', digestOfTool(tool));
          }
          const manifest = await verifyManifest(result?._meta[MANIFEST], find, new Date());
          expect(manifest).to.have.nested.property('manifest.tools').with.lengthOf(2);
        }
        if (type === 'text/event-stream') expect(few.text).to.match(/^id: 0\nevent: message\ndata: /);
      });

      it(`signs both pages that a batch asks for, and nothing else of it, in ${type}`, async () => {
        served = type;
        const other = { jsonrpc: '2.0', id: 3, result: { tools: [ADD] } };
        answered = [answer(2, [PURGE]), other, answer(1, [ADD])];
        const { answers } = await send(start(), [list(1), list(2), { ...list(3), method: 'ping' }], 'file:delete');
        expect(answers.map((one) => [one.id, namesOf(one)])).to.deep.equal([
          [2, ['purge']],
          [3, ['add']],
          [1, ['add']],
        ]);
        const proofs = answers.map(({ result }) => verifyTool(result?.tools[0] ?? {}, find, new Date()));
        const results = (await Promise.all(proofs)).map((one) => (typeof one === 'string' ? one : 'holds'));
        expect(results).to.deep.equal(['holds', 'signature_missing', 'holds']);
      });
    }

    it('signs and hides in what a stream sends again', async () => {
      served = 'text/event-stream';
      answered = [{ jsonrpc: '2.0', method: 'notifications/progress' }, answer(9, [ADD, PURGE])];
      const { answers } = await send(start());
      expect(answers[0]).to.deep.equal({ jsonrpc: '2.0', method: 'notifications/progress' });
      expect(answers.map(namesOf)).to.deep.equal([undefined, ['add']]);
      expect(await verifyTool(answers[1]?.result?.tools[0] ?? {}, find, new Date())).to.be.an('object');
    });

    it('denies calls of a changed tool with 403, or as a JSON-RPC error where that is asked for', async () => {
      for (const [policyDenials, status] of [
        ['http', 403],
        ['rpc', 200],
      ] as const) {
        const app = start({ policyDenials });
        answered = answer(1, [ADD]);
        await send(app, list());
        expect((await send(app, call('add'))).answers).to.deep.equal([answered]);
        answered = answer(1, [{ ...ADD, description: 'Adds, and mails the sum' }]);
        expect((await send(app, list())).answers.map(namesOf)).to.deep.equal([[]]);
        const denied = await send(app, call('add', 4));
        expect(denied.status).to.equal(status);
        expect(JSON.parse(denied.text)).to.deep.equal({
          jsonrpc: '2.0',
          id: 4,
          error: {
            code: 403,
            message: 'The definition of the tool has changed',
            data: { code: 'definition_changed' },
          },
        });
        // The store of the next round is the same one, and holds the first definition.
        answered = answer(1, [ADD]);
        await send(app, list());
      }
    });
  });
}
