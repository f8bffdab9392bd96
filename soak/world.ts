// Everybody who takes part in the traffic, and their keys.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { openKeyStore, type KeyStore } from '../lib/index.js';
import { redisStores } from '../lib/stores/redis.js';
import { fakeProver, fakeSigner, type FakeProver, type FakeSigner } from '../lib/testing.js';
import type { Authority } from './authority.js';
import { AGENT, REPORTS } from './fixture.js';
import type { Outgoing, Sender } from './send.js';
import type { ServerSetting } from './server.js';

/** A session, and whose it is. */
export interface Session {
  readonly id: string;
  readonly user: string;
  /** Requests under way in it. */
  busy: number;
}

/** For so long a key of the agent is published before it signs: servers ask for unknown keys every 30 seconds. */
const PUBLISHED_FOR = 35;

/** What was served, so that it must never be served again. */
export interface Served {
  readonly outgoing: Outgoing;
  readonly at: number;
}

/** The clients, what they hold, and what they remember. */
export interface World {
  readonly authority: Authority;
  readonly sender: Sender;
  readonly agent: KeyStore;
  readonly reports: FakeSigner;
  readonly stranger: FakeSigner;
  readonly prover: FakeProver;
  readonly otherProver: FakeProver;
  readonly sessions: Session[];
  readonly signed: Served[];
  readonly proven: Served[];
  /** Chains that were accepted once, for the call that had this id. */
  readonly chains: { readonly chain: readonly string[]; readonly id: string; readonly at: number }[];
}

/** The parties that exist before the server does. */
export interface Parties extends Pick<World, 'agent' | 'reports' | 'stranger' | 'prover' | 'otherProver'> {
  readonly trusted: Pick<ServerSetting, 'agents' | 'toolServers'>;
  readonly close: () => Promise<void>;
}

export async function openParties(directory: string): Promise<Parties> {
  const secret = Buffer.alloc(32, 9).toString('base64');
  const agent = await openKeyStore({
    directory: join(directory, 'agent'),
    secret,
    purposes: ['request'],
    publishFor: PUBLISHED_FOR,
  });
  await agent.generate('request');
  const [reports, stranger] = await Promise.all([fakeSigner(), fakeSigner()]);
  const [prover, otherProver] = await Promise.all([fakeProver(), fakeProver()]);
  const published = await publish(agent);
  const { port } = published.address() as AddressInfo;
  const jwksUri = `http://127.0.0.1:${port}/jwks.json`;
  return {
    agent,
    reports,
    stranger,
    prover,
    otherProver,
    trusted: {
      agents: [{ owner: AGENT, clientId: 'agent', jwksUri }],
      toolServers: [{ owner: REPORTS, clientId: 'reports', mayRoot: true, jwks: reports.jwks }],
    },
    close: async () => {
      published.close();
      published.closeAllConnections();
      await agent.close();
    },
  };
}

export function openWorld(parties: Parties, authority: Authority, sender: Sender): World {
  const { agent, reports, stranger, prover, otherProver } = parties;
  return {
    agent,
    reports,
    stranger,
    prover,
    otherProver,
    authority,
    sender,
    sessions: [],
    signed: [],
    proven: [],
    chains: [],
  };
}

async function publish(store: KeyStore): Promise<Server> {
  const server = createServer((_req, res) => {
    void store.jwks('request').then((keys) => {
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(keys));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Says in the stores of the server that a token counts no longer. */
export async function revoke(redis: number, issuer: string, tokenId: string): Promise<void> {
  const client = new Redis(redis);
  await redisStores(client).revocations.revoke({ issuer, tokenId }, inTwoHours());
  client.disconnect();
}

export const inTwoHours = (): Date => new Date(Date.now() + 7_200_000);
