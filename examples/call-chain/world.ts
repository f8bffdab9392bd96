// Three servers in three processes, their authorization server, and an agent with keys of its own.
import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { serveExpress } from '../../adapters/express.js';
import { jwksEndpoint, openKeyStore, type KeyStore, type TokenExchange } from '../../lib/index.js';
import { startAuthorizationServer, type AuthorizationServer } from '../support/authorizationServer.js';
import { listen } from '../support/loopback.js';
import { exchangeOf } from './peers.js';
import { exchangerOf, NAMES, type Name, type Settings } from './settings.js';

type PerServer<Value> = Readonly<Record<Name, Value>>;

export interface World {
  readonly resources: PerServer<string>;
  readonly authorizationServer: AuthorizationServer;
  /** The keys of each server, as somebody has them who broke into it. */
  readonly keys: PerServer<KeyStore>;
  /** The token exchange of those that call others, likewise. */
  readonly exchanges: Readonly<Record<'reports' | 'files', TokenExchange>>;
  readonly agent: { readonly owner: string; readonly keys: KeyStore };
  readonly close: () => Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('process.ts', import.meta.url));
const PATIENCE_MS = 5_000;

export async function openWorld(): Promise<World> {
  const closing: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    return { ...(await build(closing)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(closing: (() => unknown)[]): Promise<Omit<World, 'close'>> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-etdi-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const secret = randomBytes(32).toString('hex');
  const openKeys = async (name: string): Promise<KeyStore> => {
    const keys = await openKeyStore({ directory: join(folder, name), secret });
    closing.push(keys.close);
    await keys.generate('call-chain');
    return keys;
  };
  const keys = { reports: await openKeys('reports'), files: await openKeys('files'), audit: await openKeys('audit') };
  await keys.files.generate('request');
  const agent = { ...(await publishAgent(await openKeys('agent'), closing)), clientId: 'demo-service' };

  const children = { reports: start(closing), files: start(closing), audit: start(closing) };
  const resources = {
    reports: `${await children.reports.origin}/mcp`,
    files: `${await children.files.origin}/mcp`,
    audit: `${await children.audit.origin}/mcp`,
  };
  const clientSecret = randomBytes(24).toString('base64url');
  const publicKeys = (await keys.files.jwks('request')).keys;
  const authorizationServer = await startAuthorizationServer({
    resources: Object.values(resources),
    exchangers: [
      exchangerOf('reports', resources.reports, { clientSecret }),
      exchangerOf('files', resources.files, { publicKeys }),
    ],
  });
  closing.push(authorizationServer.close);
  const { owner, clientId, jwksUri } = agent;
  const settingsOf = (name: Name): Settings => ({
    name,
    resources,
    issuer: authorizationServer.issuer,
    directory: join(folder, name),
    secret,
    agent: { owner, clientId, jwksUri },
    ...(name === 'reports' ? { clientSecret } : {}),
  });
  for (const name of NAMES) await told(children[name], settingsOf(name));
  const exchanges = {
    reports: exchangeOf(settingsOf('reports'), keys.reports),
    files: exchangeOf(settingsOf('files'), keys.files),
  };
  return { resources, authorizationServer, keys, exchanges, agent };
}

async function publishAgent(
  keys: KeyStore,
  closing: (() => unknown)[],
): Promise<{ owner: string; jwksUri: string; keys: KeyStore }> {
  const published = await listen(0);
  closing.push(published.close);
  published.serve(express().use(serveExpress(jwksEndpoint(keys))));
  return { owner: published.origin, jwksUri: `${published.origin}/.well-known/jwks.json`, keys };
}

interface Child {
  readonly process: ChildProcess;
  /** What it says first. */
  readonly origin: Promise<string>;
}

function start(closing: (() => unknown)[]): Child {
  const child = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  closing.push(async () => {
    if (child.connected) child.disconnect();
    const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    if (child.exitCode === null && child.signalCode === null) await exited;
    clearTimeout(late);
  });
  return { process: child, origin: next(child) };
}

async function told({ process: child }: Child, settings: Settings): Promise<void> {
  const ready = next(child);
  child.send(settings);
  await ready;
}

/** The next thing a process says. It may end instead. */
async function next(child: ChildProcess): Promise<string> {
  const ended = once(child, 'exit').then(() => {
    throw new Error('a server ended early');
  });
  ended.catch(() => undefined);
  const [said] = (await Promise.race([once(child, 'message'), ended])) as [string];
  return said;
}
