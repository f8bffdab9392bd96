import type { RequestListener } from 'node:http';
import { createMcpExpressApp as createAppOfV2 } from '@modelcontextprotocol/express';
import { createMcpExpressApp as createAppOfV1 } from '@modelcontextprotocol/sdk/server/express.js';
import { bodyParser } from '@koa/bodyparser';
import { expect } from 'chai';
import express, { type Express } from 'express';
import Koa from 'koa';
import { toKoa } from '../../adapters/koa.js';
import { signingFetch } from '../../client/index.js';
import { CLIENTS } from '../../examples/support/clients.js';
import { listen } from '../../examples/support/loopback.js';
import { authorizeScopes, verifySignature, type AdapterOptions, type AnyMiddleware } from '../../lib/index.js';
import { fakeSigner, type FakeSigner } from '../../lib/testing.js';
import { connectClient, expressChain, expressMcp, STACKS, tools, type Connected } from './signingServers.js';

const owner = 'https://agent.example.com';

/** Where signed requests go, and what the application wrote into its log. */
interface Running {
  readonly resource: string;
  readonly errors: string[];
  readonly close: () => Promise<void>;
}

type Build = (chain: readonly AnyMiddleware[], options: AdapterOptions) => RequestListener;

describe('a server that knows its callers by their signatures alone', () => {
  let signer: FakeSigner;
  const running: Running[] = [];

  before(async () => {
    signer = await fakeSigner('Ed25519');
  });

  afterEach(async () => {
    await Promise.all(running.splice(0).map(({ close }) => close()));
  });

  const run = async (build: Build, clients: Record<string, string[]> = { [owner]: ['mcp', 'math'] }) => {
    const server = await listen(0);
    const resource = `${server.origin}/mcp`;
    const errors: string[] = [];
    const chain = [
      verifySignature({ keys: [{ owner, jwks: signer.jwks }], resource, tools, mode: 'all' }),
      authorizeScopes({ tools, base: ['mcp'], clients }),
    ];
    server.serve(build(chain, { onError: (error) => void errors.push(String(error)) }));
    const one: Running = { resource, errors, close: server.close };
    running.push(one);
    return one;
  };
  const send = (resource: string): typeof fetch => signingFetch({ signer, resource });
  const connect = (resource: string, kind: (typeof CLIENTS)[number] = 'client v2 legacy'): Promise<Connected> =>
    connectClient(kind, resource, { fetch: send(resource) });
  const failureOf = async (work: Promise<unknown>): Promise<Error> =>
    (await work.then(
      () => new Error('it did not fail'),
      (error: unknown) => error,
    )) as Error;

  for (const [name, { app }] of STACKS) {
    it(`gives a client what its owner may use, and nothing more, on ${name}`, async () => {
      const { resource } = await run(app);
      for (const kind of CLIENTS) {
        const client = await connect(resource, kind);
        expect(JSON.parse(await client.call('whoami'))).to.deep.equal({ subject: null, keyId: signer.keyId });
        expect(await client.call('add', { a: 2, b: 3 })).to.equal('5');
        await client.close();
      }
      const less = await run(app, { [owner]: ['mcp'] });
      const client = await connect(less.resource);
      expect((await failureOf(client.call('add', { a: 2, b: 3 }))).message).to.include('permission_insufficient');
      await client.close();
    });

    it(`gives a client whose owner is not listed nothing, on ${name}`, async () => {
      const { resource } = await run(app, { 'https://other.example.com': ['mcp', 'math'] });
      expect((await failureOf(connect(resource))).message).to.include('permission_insufficient');
    });

    it(`gives a client that does not sign nothing, on ${name}`, async () => {
      const { resource } = await run(app);
      expect((await failureOf(connectClient('client v2 legacy', resource, {}))).message).to.include(
        'signature_required',
      );
    });
  }

  describe('behind a parser that was there first', () => {
    const factories: readonly (readonly [name: string, create: () => Express, line: 'v1' | 'v2'])[] = [
      ['createMcpExpressApp of sdk v1', createAppOfV1, 'v1'],
      ['createMcpExpressApp of server v2', createAppOfV2, 'v2'],
    ];

    for (const [name, create, line] of factories) {
      it(`says how to mount it, in the log and to nobody else, where the bytes are gone: ${name}`, async () => {
        const { resource, errors } = await run((chain, options) =>
          create().use('/mcp', expressChain(chain, options)).all('/mcp', expressMcp(line)),
        );
        const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
        const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
        const answer = await send(resource)(resource, { method: 'POST', headers, body });
        expect(answer.status).to.equal(500);
        expect(await answer.json()).to.deep.equal({
          jsonrpc: '2.0',
          id: null,
          error: { code: 500, message: 'Internal error', data: { code: 'internal_error' } },
        });
        expect(errors).to.have.lengthOf(1);
        expect(errors[0])
          .to.match(/mount this package before the body parser/)
          .and.match(/or keep the bytes with express\.json\(\{ verify: .* req\.rawBody = bytes/);
        expect((await failureOf(connect(resource))).message).to.include('internal_error');

        // The mistake is the server's: a stranger is told no more than elsewhere, and proves no more.
        const stranger = await fetch(resource, { method: 'POST', headers, body });
        expect(stranger.status).to.equal(401);
      });

      it(`works where the checks come first: ${name}`, async () => {
        const { resource, errors } = await run((chain, options) =>
          express()
            .use('/mcp', expressChain(chain, options))
            .use(create().all('/mcp', expressMcp(line))),
        );
        for (const kind of CLIENTS) {
          const client = await connect(resource, kind);
          expect(JSON.parse(await client.call('whoami'))).to.deep.equal({ subject: null, keyId: signer.keyId });
          await client.close();
        }
        expect(errors).to.deep.equal([]);
      });

      it(`works where a parser before it keeps the bytes: ${name}`, async () => {
        const verify = (req: object, _res: unknown, rawBody: Buffer): void => void Object.assign(req, { rawBody });
        const { resource } = await run((chain, options) =>
          express()
            .use(express.json({ verify }))
            .use(create().use('/mcp', expressChain(chain, options)).all('/mcp', expressMcp(line))),
        );
        const client = await connect(resource);
        expect(JSON.parse(await client.call('whoami'))).to.deep.equal({ subject: null, keyId: signer.keyId });
        await client.close();
      });
    }

    it('says how to mount it on Koa as well', async () => {
      const { resource, errors } = await run((chain, options) => {
        const app = new Koa().use(bodyParser());
        const listener = app
          .use(
            (toKoa as (options: AdapterOptions, ...chain: readonly AnyMiddleware[]) => Koa.Middleware)(
              options,
              ...chain,
            ),
          )
          .callback();
        return (req, res) => void listener(req, res);
      });
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
      const answer = await send(resource)(resource, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      expect(answer.status).to.equal(500);
      expect(errors[0]).to.match(/mount this package before the body parser/);
    });
  });
});
