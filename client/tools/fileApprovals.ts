import { resolve } from 'node:path';
import type { JSONWebKeySet } from 'jose';
import { nodeDisk } from '../../lib/files/disk.js';
import { withLock } from '../../lib/files/lock.js';
import { readPrivateFile, replacePrivateFile } from '../../lib/files/privateFiles.js';
import { removeDrafts } from '../../lib/files/replaceFile.js';
import { readStrictJson } from '../../lib/json/strict.js';
import type { Signer } from '../../lib/keys/signer.js';
import { text } from '../../lib/options.js';
import { isObject } from '../../lib/rpc.js';
import type { ApprovalStore } from '../../lib/stores/approvals.js';
import { ApprovalsError, signedApprovals, type Approvals } from './approvals.js';

export interface FileApprovalsOptions {
  /** The path of the file. It is made with mode 0600 when there is none. */
  readonly file: string;
  /** Signs new approvals: `keyStore.signer('approval')`. Without it, approvals are read and revoked only. */
  readonly signer?: Signer;
  /** The public keys whose approvals count, those of the signer included. */
  readonly keys: JSONWebKeySet;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/**
 * Approvals in a file that nobody else can read, shared by the processes of one machine.
 *
 * The file is replaced as a whole: a process that is killed leaves the old one or the new one.
 * @throws {TypeError} when an option is not what it must be
 * @throws {ApprovalsError} later, for a file that was changed by hand
 * @throws {KeyStoreError} later, `store_unsafe` for a file that others can reach
 */
export function fileApprovals(options: FileApprovalsOptions): Approvals {
  const { file, ...others } = options;
  const problem = text(file);
  if (problem !== undefined) throw new TypeError(`fileApprovals: 'file' ${problem}`);
  return signedApprovals({ ...others, store: fileStore(resolve(file)) });
}

type Records = ReadonlyMap<string, string>;

function fileStore(file: string): ApprovalStore {
  return Object.freeze({
    get: async (key: string) => (await read(file)).get(key),
    set: (key: string, record: string) =>
      withLock(nodeDisk, `${file}.lock`, async (assertHeld) => {
        const records = new Map(await read(file)).set(key, record);
        await removeDrafts(file);
        await replacePrivateFile(nodeDisk, file, encodeFile(records), assertHeld);
      }),
    entries: () => read(file),
  });
}

async function read(file: string): Promise<Records> {
  const content = await readPrivateFile(nodeDisk, file);
  return content === undefined ? new Map() : decodeFile(file, content);
}

function encodeFile(records: Records): string {
  const approvals = Object.fromEntries([...records].sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ approvalsVersion: 1, approvals }, undefined, 2)}\n`;
}

function decodeFile(file: string, content: string): Records {
  const stored = readStrictJson(content);
  if (!isObject(stored) || stored['approvalsVersion'] !== 1 || !isObject(stored['approvals'])) throw notOne(file);
  const records = Object.entries(stored['approvals']);
  if (!records.every(([, record]) => typeof record === 'string')) throw notOne(file);
  return new Map(records as [string, string][]);
}

function notOne(file: string): ApprovalsError {
  return new ApprovalsError(`'${file}' is not a file of approvals; restore it, or remove it and approve again`);
}
