import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import express from 'express';
import { serveExpress, toExpress } from '../../adapters/express.js';
import { signingFetch } from '../../client/index.js';
import { listen } from '../../examples/support/loopback.js';
import { contextOf, openKeyStore, protectedResource, verifySignature, type KeyStore } from '../../lib/index.js';
import { fakeSigner } from '../../lib/testing.js';

const REQUESTS = 10_000;
const WORKERS = 20;
/** Every so many requests one comes from somebody else, with a key id that nobody has seen before. */
const FOREIGN_EVERY = 50;

/** In seconds. A key is published for longer than verifiers keep a key set (300). */
const PERIODS = { rotateEvery: 900, publishFor: 400, retireAfter: 600 };
const ROTATIONS = 3;
/** By how much a request moves the clock on: fast enough for the rotations, and slow beside the life of a signature. */
const STEP_MS = ((ROTATIONS + 0.5) * PERIODS.rotateEvery * 1000) / REQUESTS;

const owner = 'https://agent.example.com';
const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'read', arguments: {} } });
const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };

describe('signed requests under load', function () {
  this.timeout(180_000);
  let folder: string;
  let store: KeyStore;
  const closers: (() => Promise<void>)[] = [];
  let time = Date.parse('2026-03-01T12:00:00Z');
  const now = (): Date => new Date(time);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mcp-etdi-signing-'));
    const options = { directory: join(folder, 'keys'), secret: randomBytes(32), purposes: ['request'] as const };
    store = await openKeyStore({ ...options, ...PERIODS, now });
  });

  after(async () => {
    await Promise.all(closers.map((close) => close()));
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  it(`are all let through: ${REQUESTS} over ${ROTATIONS} rotations of the key that signs them`, async () => {
    const peer = await listen(0);
    const server = await listen(0);
    closers.push(peer.close, server.close);
    let fetched = 0;
    const published = express().use(
      (_req, _res, next) => {
        fetched += 1;
        next();
      },
      serveExpress(protectedResource({ resource: peer.origin, authorizationServers: [peer.origin], keys: store })),
    );
    peer.serve(published);

    const resource = `${server.origin}/mcp`;
    const keyIds = new Set<string>();
    const jwksUri = `${peer.origin}/.well-known/jwks.json`;
    const check = verifySignature({ keys: [{ owner, jwksUri }], resource, mode: 'all', now });
    const app = express().use('/mcp', toExpress(check), (req, res) => {
      keyIds.add(contextOf(req, 'signature').state.signature.keyId);
      res.end();
    });
    server.serve(app);

    const send = signingFetch({ signer: store.signer('request'), resource, now });
    const stranger = await (await fakeSigner()).current();
    const sendForeign = signingFetch({
      signer: { current: () => Promise.resolve({ ...stranger, keyId: randomBytes(32).toString('base64url') }) },
      resource,
      now,
    });

    const own = new Map<number, number>();
    const foreign = new Map<number, number>();
    let started = 0;
    const attempt = async (sending: typeof fetch, counts: Map<number, number>): Promise<void> => {
      const answer = await sending(resource, init);
      await answer.arrayBuffer();
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
    };
    const work = async (): Promise<void> => {
      while (started < REQUESTS) {
        started += 1;
        time += STEP_MS;
        if (started % FOREIGN_EVERY === 0) await attempt(sendForeign, foreign);
        await attempt(send, own);
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, work));

    const said = JSON.stringify({
      own: Object.fromEntries(own),
      foreign: Object.fromEntries(foreign),
      keys: keyIds.size,
      keySetsFetched: fetched,
    });
    console.log(`      ${said}`);
    expect(Object.fromEntries(own)).to.deep.equal({ 200: REQUESTS });
    expect(Object.fromEntries(foreign)).to.deep.equal({ 401: REQUESTS / FOREIGN_EVERY });
    expect(keyIds.size).to.equal(ROTATIONS + 1);
    // One in 30 seconds at the most, whoever asks for what.
    expect(fetched).to.be.at.most(Math.ceil((REQUESTS * STEP_MS) / 30_000) + 1);
  });
});
