import { hash } from 'node:crypto';
import { readCompact, signCompact } from '../../lib/definitions/compact.js';
import { verifyJws } from '../../lib/definitions/jws.js';
import { canonicalize } from '../../lib/json/canonical.js';
import { parseStrictJson } from '../../lib/json/strict.js';
import type { SigningKey } from '../../lib/keys/signer.js';
import type { Trust } from '../../lib/keys/trust.js';
import { isObject } from '../../lib/rpc.js';
import { canonicalResource } from '../../lib/url.js';
import { seconds } from './approval.js';
import type { Deployment, Deployments } from './serials.js';

const PREFIX = 'deployments:';
/** A signature needs an end. What was seen stays seen. */
const CENTURY_MS = 3_155_760_000_000;

/** Under what the deployments of a server are kept, beside its approvals. */
export function deploymentsKey(server: string): string {
  return PREFIX + hash('sha256', canonicalResource(server), 'base64url');
}

/** Whether a record is no approval, by its key. */
export function isDeploymentsKey(key: string): boolean {
  return key.startsWith(PREFIX);
}

/** A record of `typ` `etdi-deployments+jws`, issued in the name of the server that it is about. */
export async function signDeployments(
  server: string,
  deployments: Deployments,
  key: SigningKey,
  now: Date,
): Promise<string> {
  const seen = deployments.map(({ serial, since }) => ({ serial, since: seconds(since) }));
  const payload = canonicalize({ seen, server: canonicalResource(server) });
  const terms = { key, issuedAt: now, expiresAt: new Date(now.getTime() + CENTURY_MS) };
  return signCompact('etdi-deployments+jws', payload, 'deployments', terms);
}

/** What a record says, or nothing when no known key signed it for that server. */
export async function verifyDeployments(
  server: string,
  record: string,
  find: Trust['find'],
  now: Date,
): Promise<Deployments | undefined> {
  const jws = readCompact(record);
  if (jws === undefined) return undefined;
  const facts = await verifyJws('etdi-deployments+jws', jws.payload, jws.signature, find, now);
  if (typeof facts === 'string') return undefined;
  const stated = parseStrictJson(jws.payload);
  if (!isObject(stated) || stated['server'] !== canonicalResource(server)) return undefined;
  const { seen } = stated;
  return Array.isArray(seen) && seen.every(isSeen) ? seen.map(deploymentOf) : undefined;
}

interface Seen {
  readonly serial: number;
  readonly since: number;
}

function isSeen(value: unknown): value is Seen {
  return isObject(value) && Number.isSafeInteger(value['serial']) && Number.isSafeInteger(value['since']);
}

function deploymentOf({ serial, since }: Seen): Deployment {
  return { serial, since: new Date(since * 1000) };
}
