// What the audit trail says about the requests, and whether it says it in one piece.
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { JSONWebKeySet } from 'jose';
import { readTrail, trailFiles, verifyTrail } from '../lib/index.js';

/** Moves files that are full off a small disk, as somebody who archives them does. */
export class Archive {
  readonly #file: string;
  readonly #directory: string;
  readonly #timer: NodeJS.Timeout;
  #paused = false;
  #moving: Promise<void> = Promise.resolve();

  constructor(file: string, directory: string) {
    this.#file = file;
    this.#directory = directory;
    this.#timer = setInterval(() => {
      if (!this.#paused) this.#moving = this.#moving.then(() => this.#move(false));
    }, 500);
  }

  async pause(): Promise<void> {
    this.#paused = true;
    await this.#moving;
  }

  goOn(): void {
    this.#paused = false;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#moving;
  }

  /** Moves what is left as well. Gives all files, the oldest first. */
  async close(): Promise<readonly string[]> {
    await this.stop();
    await this.#move(true);
    return trailFiles(join(this.#directory, basename(this.#file)));
  }

  async #move(all: boolean): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    for (const file of await trailFiles(this.#file)) {
      if (file === this.#file && !all) continue;
      await copyFile(file, join(this.#directory, basename(file)));
      await rm(file);
    }
  }
}

export interface TrailFacts {
  readonly records: number;
  readonly findings: readonly string[];
  /** Events that were lost while they could not be written. */
  readonly lost: number;
  /** Requests that were served, and are not in the trail. */
  readonly unrecorded: number;
  /** Requests that must be denied, and were let through to the server behind the checks. */
  readonly admitted: readonly string[];
}

export async function readFacts(
  files: readonly string[],
  keys: JSONWebKeySet,
  served: ReadonlySet<string>,
): Promise<TrailFacts> {
  const { records, findings } = await verifyTrail({ files, keys });
  const missing = new Set(served);
  const admitted: string[] = [];
  let lost = 0;
  for await (const { record } of readTrail(files)) {
    const { event } = record;
    if (event.type === 'trail_gap') lost += event.lost;
    if (event.type !== 'request_admitted') continue;
    for (const { id } of event.rpc ?? []) {
      missing.delete(String(id));
      if (/^(?:bad|hostile)-/.test(String(id))) admitted.push(String(id));
    }
  }
  return { records, findings: findings.map(({ message }) => message), lost, unrecorded: missing.size, admitted };
}
