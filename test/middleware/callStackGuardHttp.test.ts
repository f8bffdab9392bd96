import { expect } from 'chai';
import request from 'supertest';
import {
  authenticate,
  authorizeScopes,
  callStackGuard,
  contextOf,
  defineTools,
  oidc,
  requires,
  verifySignature,
  type AnyMiddleware,
} from '../../lib/index.js';
import { CALL_CHAIN, fakeIssuer, fakeSigner, signCallChain, signRequest, type FakeSigner } from '../../lib/testing.js';
import { frameworks } from '../support/frameworks.js';

const resource = 'https://files.example/mcp';
const reporter = 'https://reports.example/mcp';
const tools = defineTools({
  read: { permissions: ['file:read'], allowedCallers: [`${reporter}#report`] },
  list: { permissions: [] },
});

describe('callStackGuard over HTTP', () => {
  const issuer = fakeIssuer({ resource });
  let hops: FakeSigner;
  let requests: FakeSigner;
  before(async () => {
    [hops, requests] = await Promise.all([fakeSigner(), fakeSigner()]);
  });

  const guard = (): AnyMiddleware =>
    callStackGuard({
      tools,
      identity: { resource },
      trust: [{ owner: reporter, clientId: 'reports', mayRoot: true, jwks: hops.jwks }],
    });
  const chain = (caller = 'report'): Promise<string[]> =>
    signCallChain([{ signer: hops, issuer: reporter, caller, resource, tool: 'read', permissions: ['file:read'] }]);
  const bodyOf = (name: string, hopsOfIt?: readonly string[]): object => ({
    jsonrpc: '2.0',
    id: 7,
    method: 'tools/call',
    params: { name, ...(hopsOfIt && { _meta: { [CALL_CHAIN]: hopsOfIt } }) },
  });
  const token = (clientId: string): Promise<string> => issuer.token({ client_id: clientId, scope: 'file:read' });

  for (const [name, boot] of Object.entries(frameworks)) {
    describe(`on ${name}`, () => {
      const app = (policyDenials: 'http' | 'rpc' = 'http') =>
        boot(
          [
            [
              { policyDenials },
              authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource, fetch: issuer.fetch }),
              authorizeScopes({ tools }),
              guard(),
            ],
          ],
          (req, res) => {
            const { callStack } = contextOf(req).state;
            res.setHeader('content-type', 'application/json').end(JSON.stringify(callStack ?? null));
          },
        );
      const post = async (body: object, clientId: string, mode: 'http' | 'rpc' = 'http') =>
        request(app(mode))
          .post('/mcp')
          .set('authorization', `Bearer ${await token(clientId)}`)
          .send(body);

      it('proves the stack to the handler', async () => {
        const { status, body } = await post(bodyOf('read', await chain()), 'reports');
        expect(status).to.equal(200);
        expect(body).to.deep.include({ root: reporter, depth: 2, caller: { resource: reporter, tool: 'report' } });
        expect((await post(bodyOf('list'), 'anybody')).body).to.deep.include({ root: resource, caller: '@root' });
      });

      it('denies with one constant reply', async () => {
        const { status, body, headers } = await post(bodyOf('read', await chain('other')), 'reports');
        expect(status).to.equal(403);
        expect(headers).not.to.have.property('www-authenticate');
        expect(body).to.deep.equal({
          jsonrpc: '2.0',
          id: 7,
          error: { code: 403, message: 'The tool is not for this caller', data: { code: 'caller_denied' } },
        });
      });

      it('denies with an error of JSON-RPC where that is asked for', async () => {
        const { status, body } = await post(bodyOf('list'), 'reports', 'rpc');
        expect(status).to.equal(200);
        expect(body).to.have.nested.property('error.data.code', 'chain_missing');
      });

      it('works in a mount of its own, with signatures alone', async () => {
        const keys = [{ owner: reporter, jwks: requests.jwks }];
        const split = boot(
          [
            [verifySignature({ keys, resource }), authorizeScopes({ tools, clients: { [reporter]: ['file:read'] } })],
            [requires('signature'), guard()],
          ],
          (req, res) => void res.end(contextOf(req).state.callStack?.root),
        );
        const body = bodyOf('read', await chain());
        const headers = await signRequest({ url: resource, body }, { signer: requests });
        const answer = await request(split).post('/mcp').set(headers).send(JSON.stringify(body));
        expect([answer.status, answer.text]).to.deep.equal([200, reporter]);
        const bare = bodyOf('list');
        const signed = await signRequest({ url: resource, body: bare }, { signer: requests });
        const denied = await request(split).post('/mcp').set(signed).send(JSON.stringify(bare));
        expect(denied.body).to.have.nested.property('error.data.code', 'chain_missing');
      });
    });
  }
});
