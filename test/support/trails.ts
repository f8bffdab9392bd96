import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JSONWebKeySet } from 'jose';
import {
  openAuditTrail,
  trailFiles,
  verifyTrail,
  type AuditTrail,
  type Checkpoint,
  type OpenAuditTrailOptions,
  type Signer,
  type TrailReport,
  type VerifyTrailOptions,
} from '../../lib/index.js';
import { importSignKey } from '../../lib/keys/algorithms.js';

/** A key that signs checkpoints, and the set that verifies them. */
export async function makeAuditKey(): Promise<{ readonly signer: Signer; readonly keys: JSONWebKeySet }> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = await importSignKey({ ...privateKey.export({ format: 'jwk' }), alg: 'Ed25519' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), alg: 'Ed25519' } as JSONWebKeySet['keys'][number];
  return { signer: { current: () => Promise.resolve(key) }, keys: { keys: [jwk] } };
}

/** A directory for trails, a key, and the checkpoints that were sent elsewhere. */
export class TrailSandbox {
  readonly directory: string;
  readonly file: string;
  readonly signer: Signer;
  readonly keys: JSONWebKeySet;
  readonly checkpoints: Checkpoint[] = [];
  readonly #open: AuditTrail[] = [];

  private constructor(directory: string, signer: Signer, keys: JSONWebKeySet) {
    this.directory = directory;
    this.file = join(directory, 'audit.jsonl');
    this.signer = signer;
    this.keys = keys;
  }

  static async create(): Promise<TrailSandbox> {
    const { signer, keys } = await makeAuditKey();
    return new TrailSandbox(await mkdtemp(join(tmpdir(), 'mcp-etdi-audit-')), signer, keys);
  }

  async open(options: Partial<OpenAuditTrailOptions> = {}): Promise<AuditTrail> {
    const trail = await openAuditTrail({
      file: this.file,
      signer: this.signer,
      onCheckpoint: (checkpoint) => this.checkpoints.push(checkpoint),
      ...options,
    });
    this.#open.push(trail);
    return trail;
  }

  /** Writes a trail with so many events, and closes it. */
  async fill(count: number, options: Partial<OpenAuditTrailOptions> = {}): Promise<void> {
    const trail = await this.open(options);
    for (let index = 0; index < count; index += 1) trail.record({ type: 'server_started', name: `server ${index}` });
    await trail.close();
  }

  files(): Promise<readonly string[]> {
    return trailFiles(this.file);
  }

  async lines(file = this.file): Promise<string[]> {
    return (await readFile(file, 'utf8')).trimEnd().split('\n');
  }

  async write(lines: readonly string[], file = this.file): Promise<void> {
    await writeFile(file, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  }

  /** Verifies signatures too, but knows no checkpoint from elsewhere. */
  async verify(options: Partial<VerifyTrailOptions> = {}): Promise<TrailReport> {
    return verifyTrail({ files: await this.files(), keys: this.keys, ...options });
  }

  async remove(): Promise<void> {
    for (const trail of this.#open) await trail.close().catch(() => undefined);
    await rm(this.directory, { recursive: true, force: true });
  }
}
