import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { failedWith } from '../files/disk.js';
import { whileLocked } from '../files/replaceFile.js';
import { parseStrictJson } from '../json/strict.js';
import { flag, optional, readOptions } from '../options.js';
import { orUnavailable } from '../outage.js';
import { decodeLockfile, encodeLockfile, type Lockfile } from './lockfile.js';
import { Pins, type Pin, type Pinned, type VersionStore } from './versions.js';

export interface FileVersionsOptions {
  /**
   * Whether the file is complete: it is never written, and a definition that is not in it counts as changed. For
   * deployments that bring a reviewed file along. Default: false.
   */
  readonly frozen?: boolean;
}

const OUTAGE = 'The versions of the tools are unavailable';

/**
 * Remembers what each version stands for in a file that is made to be read: keep it under version control, and every
 * change of a tool shows in a review. Several processes of one machine may share it.
 *
 * The file is replaced as a whole: a process that is killed leaves the old one or the new one. One that cannot be read
 * is `Unavailable` (503): nothing is published or called on a guess.
 * @param path relative to the working directory at the time of this call
 */
export function fileVersions(path = 'mcp-tools.lock.json', options: FileVersionsOptions = {}): VersionStore {
  const { frozen = false } = readOptions<FileVersionsOptions>('fileVersions', options, { frozen: optional(flag) });
  if (typeof path !== 'string' || path === '') throw new TypeError('fileVersions: name a file');
  const file = resolve(path);

  const remember = async (pin: Pin): Promise<Pinned> => {
    const { answer, next } = (await read(file)).pins.judge(pin);
    if (next === undefined) return answer;
    if (frozen) return answer === 'new' ? 'changed' : answer;
    // What was read a moment ago may be old: it is judged again while nobody else writes.
    return whileLocked(file, async (replace) => {
      const { pins, others } = await read(file);
      const judged = pins.judge(pin);
      if (judged.next === undefined) return judged.answer;
      pins.set(judged.next);
      await replace(encodeLockfile({ pins: pins.list, others }));
      return judged.answer;
    });
  };

  return Object.freeze({
    pin: (name: string, version: string, form: string, digest: string, server: string) =>
      orUnavailable(OUTAGE, () => remember({ server, name, version, form, digest })),
    find: (name: string, version: string, server: string) =>
      orUnavailable(OUTAGE, async () => (await read(file)).pins.find(name, version, server)),
  });
}

/** What a file says: of others as well, since it is replaced as a whole. */
interface Content extends Pick<Lockfile, 'others'> {
  readonly pins: Pins;
}

async function read(file: string): Promise<Content> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (failedWith(cause, 'ENOENT')) return { pins: new Pins(), others: {} };
    throw cause;
  }
  try {
    const { pins, others } = decodeLockfile(parseStrictJson(text));
    return { pins: new Pins(pins), others };
  } catch (cause) {
    throw new TypeError(`'${file}' is not a lock file of tools; restore it from version control`, { cause });
  }
}
