import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKeyStore, type KeyStore, type TrustedKeys } from '../../lib/index.js';
import type { AuthorizationServer } from './authorizationServer.js';

/** Keys for an agent that signs, and for the server it calls, in a directory that goes away with them. */
export interface DevelopmentKeys {
  readonly agent: KeyStore;
  readonly server: KeyStore;
  /** The agent as the server trusts it. It may sign for the clients of the examples. */
  readonly trusted: TrustedKeys[];
  /** Where the agent's keys are, and what encrypts them. */
  readonly directory: string;
  readonly secret: string;
  readonly close: () => Promise<void>;
}

const OWNER = 'https://agent.example';

/** DEVELOPMENT ONLY: makes keys that live as long as the program. */
export async function makeDevelopmentKeys(clientId: string): Promise<DevelopmentKeys> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-etdi-'));
  const secret = randomBytes(32).toString('hex');
  const directory = join(folder, 'agent');
  const agent = await openKeyStore({ directory, secret, algorithms: 'ES256' });
  await agent.generate('request');
  const server = await openKeyStore({ directory: join(folder, 'server'), secret, algorithms: 'Ed25519' });
  const trusted = [{ owner: OWNER, clientId, jwks: await agent.jwks('request') }];
  const close = async (): Promise<void> => {
    await Promise.all([agent.close(), server.close()]);
    await rm(folder, { recursive: true, force: true });
  };
  return { agent, server, trusted, directory, secret, close };
}

/** A token of the client credentials grant. */
export async function serviceToken({ issuer, service }: AuthorizationServer, resource: string): Promise<string> {
  const { clientId, clientSecret, scope } = service;
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
  });
  const { access_token: token } = (await response.json()) as { access_token: string };
  return token;
}
