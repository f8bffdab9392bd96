import { readFile, stat } from 'node:fs/promises';
import { normalize } from 'node:path';
import type { JSONWebKeySet } from 'jose';
import type { Checkpoint } from '../../lib/audit/line.js';
import { trailFiles } from '../../lib/audit/trailFiles.js';
import type { TrailFinding, TrailReport, VerifyTrailOptions } from '../../lib/audit/verifyTrail.js';
import { fetchJson, FetchFailure } from '../../lib/fetch.js';
import { parseStrictJson, readStrictJson } from '../../lib/json/strict.js';
import { isObject } from '../../lib/rpc.js';
import { showText } from '../../lib/text.js';
import { secureUrl } from '../../lib/url.js';
import { UsageError } from '../command.js';

/** How `verify` and `report` are told what to trust. */
export const TRUST = {
  keys: { type: 'string' },
  checkpoint: { type: 'string', multiple: true },
  partial: { type: 'boolean' },
} as const;

export const TRUST_HELP: string = `  --keys <jwks>         the public keys that sign checkpoints: a JWK Set, a file with one, or the URL of one
  --checkpoint <file>   a checkpoint that was kept elsewhere; may be repeated
  --partial             allow that the oldest files are not there
`;

export interface TrustValues {
  readonly keys?: string | undefined;
  readonly checkpoint?: readonly string[] | undefined;
  readonly partial?: boolean | undefined;
}

const FETCH_MS = 10_000;

/**
 * What is verified, and with what.
 * @throws {UsageError} for keys and checkpoints that are none
 */
export async function readInput(files: readonly string[], values: TrustValues): Promise<VerifyTrailOptions> {
  const { keys, checkpoint, partial } = values;
  const checkpoints = (await Promise.all((checkpoint ?? []).map(readCheckpoints))).flat();
  return {
    files: await filesOf(files),
    ...(keys === undefined ? {} : { keys: await readKeys(keys) }),
    ...(checkpoint === undefined ? {} : { checkpoints }),
    ...(partial === undefined ? {} : { partial }),
  };
}

/**
 * One file stands for its whole trail, with the full files beside it. Several are taken as they are named.
 * @throws {UsageError} where none is named
 */
export async function filesOf(files: readonly string[]): Promise<readonly string[]> {
  const [file, ...others] = files;
  if (file === undefined) throw new UsageError('name the file of an audit trail');
  for (const one of files) await assertFile(one);
  if (others.length > 0) return files;
  const trail = await trailFiles(normalize(file));
  for (const one of trail) await assertFile(one);
  return trail;
}

/** A log that is gone must not look like one without a fault. */
async function assertFile(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() !== true) throw new Error(`there is no file '${showText(file)}'`);
  // A pipe or a device could be read only once.
}

async function readKeys(keys: string): Promise<JSONWebKeySet> {
  const jwks = await readJwks(keys);
  if (!isObject(jwks) || !Array.isArray(jwks['keys'])) throw new UsageError('--keys must be a JWK Set');
  return { keys: jwks['keys'] as JSONWebKeySet['keys'] };
}

async function readJwks(keys: string): Promise<unknown> {
  if (keys.trimStart().startsWith('{')) return parsed(keys, '--keys');
  if (!/^https?:/i.test(keys)) return parsed(await readText(keys), `'${showText(keys)}'`);
  const problem = secureUrl(keys);
  if (problem !== undefined) throw new UsageError(`--keys ${problem}`);
  return fetchKeys(keys);
}

/** @throws {Error} which says who did not give them */
async function fetchKeys(url: string): Promise<unknown> {
  try {
    return await fetchJson(url, { fetch, signal: AbortSignal.timeout(FETCH_MS), parse: parseStrictJson });
  } catch (cause) {
    if (!(cause instanceof FetchFailure)) throw cause;
    // The rest of the address may hold what is a secret.
    throw new Error(`no keys from ${showText(new URL(url).host)}: ${cause.message}`, { cause });
  }
}

/** A checkpoint, a list of them, or one or its JWS alone on each line. */
async function readCheckpoints(file: string): Promise<readonly (Checkpoint | string)[]> {
  const text = (await readText(file)).trim();
  const name = `'${showText(file)}'`;
  const whole = readStrictJson(text);
  const found = whole === undefined ? text.split(/\r?\n/).filter((line) => line.trim() !== '') : [whole].flat();
  const checkpoints = found.map((one) => (typeof one === 'string' ? checkpointOf(one.trim(), name) : one));
  if (checkpoints.length === 0 || !checkpoints.every(isCheckpoint)) throw new UsageError(`${name} holds no checkpoint`);
  return checkpoints;
}

function checkpointOf(line: string, name: string): unknown {
  return line.startsWith('{') ? parsed(line, name) : line;
}

function isCheckpoint(value: unknown): value is Checkpoint | string {
  return typeof value === 'string' ? value !== '' : isObject(value) && typeof value['jws'] === 'string';
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`'${showText(file)}' cannot be read`, { cause });
  }
}

function parsed(text: string, what: string): unknown {
  const value = readStrictJson(text);
  if (value === undefined) throw new UsageError(`${what} is not JSON`);
  return value;
}

/** One line for each finding, the first bad record first. */
export function describeFindings(findings: readonly TrailFinding[]): string {
  return findings
    .map(({ fault, file, line, seq, message }) => `${showText(file)}:${line}: record ${seq}: ${fault}: ${message}\n`)
    .join('');
}

/** @throws {Error} which ends the command with 1, for a log that is empty, was changed, or is not signed by the keys */
export function assertWhole({ ok, records, findings, checkpoints }: TrailReport, { keys }: VerifyTrailOptions): void {
  const [first] = findings;
  if (!ok) {
    const where = first === undefined ? '' : `; the first bad record is ${first.seq} (${first.fault})`;
    throw new Error(`the log is not what was written${where}`);
  }
  if (records === 0) throw new Error('the log is empty');
  // Whoever writes a log anew without the key leaves the checkpoints out.
  if (keys !== undefined && checkpoints.verified === 0) throw new Error('no record of the log is signed by these keys');
}
