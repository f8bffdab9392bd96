import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { approvedForm } from '../../client/tools/approval.js';
import { show } from '../../client/tools/diff.js';
import type { Listing } from '../../client/tools/listing.js';
import { digestOfTool, statedBy, type WireForm, type WireTool } from '../../lib/definitions/form.js';
import { decodeLockfile, encodeLockfile, nest, type Lockfile } from '../../lib/definitions/lockfile.js';
import { failedWith } from '../../lib/files/disk.js';
import { whileLocked } from '../../lib/files/replaceFile.js';
import { parseStrictJson } from '../../lib/json/strict.js';
import { isObject } from '../../lib/rpc.js';
import { escapeText } from '../../lib/text.js';

export const LOCK_FILE = 'mcp-tools.lock.json';
/** Stands for the version of a tool that states none. */
const UNVERSIONED = 'unversioned';

/** One tool in one form, as it is locked. */
export interface LockedTool {
  readonly server: string;
  readonly name: string;
  readonly version: string;
  readonly form: WireForm;
  readonly digest: string;
  /** Another digest that a server noted since: it hides the tool. */
  readonly seen?: string;
  /** The tool without its signatures. A file that a server wrote itself holds digests alone. */
  readonly definition?: WireTool;
}

/**
 * What a server lists, to be locked.
 * @throws {Error} for a tool without a name or canonical form, and for a name that appears twice
 */
export function lockedTools(server: string, listings: readonly Listing[]): readonly LockedTool[] {
  return listings.flatMap(({ form, tools, duplicates }) => {
    const [twice] = duplicates;
    if (twice !== undefined) throw new Error(`the server lists the tool ${show(twice)} twice`);
    return tools.map((tool) => lockedTool(server, form, tool));
  });
}

function lockedTool(server: string, form: WireForm, tool: WireTool): LockedTool {
  const { name } = tool;
  if (typeof name !== 'string') throw new Error('the server lists a tool without a name');
  const version = statedBy(tool)?.version ?? UNVERSIONED;
  try {
    return { server, name, version, form, ...approvedForm(tool) };
  } catch (cause) {
    throw new Error(`the tool '${escapeText(name)}' cannot be read in one way only`, { cause });
  }
}

/**
 * What a lock file says.
 * @throws {Error} for a file that is missing, none, or changed by hand in one place only
 */
export async function readLock(file: string): Promise<readonly LockedTool[]> {
  const found = await readLockIfAny(file);
  if (found === undefined) throw new Error(`there is no '${file}'; write it with: mcp-etdi tools lock`);
  return found.tools;
}

/** What a lock file says. */
interface Lock {
  readonly tools: readonly LockedTool[];
  /** The members that are neither ours nor the server's. */
  readonly others: Lockfile['others'];
}

/** As `readLock`, and nothing when there is no file. */
async function readLockIfAny(file: string): Promise<Lock | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (failedWith(cause, 'ENOENT')) return undefined;
    throw cause;
  }
  try {
    return decode(parseStrictJson(text));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : '';
    throw new Error(`'${file}' is not a lock file: ${reason}; restore it from version control`, { cause });
  }
}

function decode(file: unknown): Lock {
  const { pins, others: all } = decodeLockfile(file);
  const { definitions, ...others } = all;
  return { tools: toolsOf(pins, definitions), others };
}

function toolsOf(pins: Lockfile['pins'], definitions: unknown): readonly LockedTool[] {
  const rows = pins.map((pin) => ({
    pin: { ...pin, form: pin.form as WireForm },
    kept: [pin.server, pin.name, pin.form].reduce<unknown>(memberOf, definitions),
  }));
  const locked = new Set(
    rows.filter(({ pin, kept }) => isObject(kept) && digestOfTool(kept) === pin.digest).map((row) => row.kept),
  );
  return rows.map(({ pin, kept }) => {
    if (!isObject(kept)) return pin;
    if (!locked.has(kept)) throw new TypeError(`the digest of '${escapeText(pin.name)}' is not that of its definition`);
    // Of several versions of a tool the definition of one is kept.
    return digestOfTool(kept) === pin.digest ? { ...pin, definition: kept } : pin;
  });
}

function memberOf(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/**
 * Writes a lock file, by what it said before. Whoever reads finds the old or the new one.
 * @returns what it said before
 */
export async function updateLock(
  file: string,
  update: (before: readonly LockedTool[]) => readonly LockedTool[],
): Promise<readonly LockedTool[]> {
  return whileLocked(resolve(file), async (replace) => {
    const { tools, others } = (await readLockIfAny(file)) ?? { tools: [], others: {} };
    await replace(encode({ tools: update(tools), others }));
    return tools;
  });
}

function encode({ tools, others }: Lock): string {
  const kept = tools.flatMap(({ server, name, form, definition }) =>
    definition === undefined ? [] : [{ path: [server, name, form], leaf: definition }],
  );
  return encodeLockfile({ pins: tools, others: { definitions: nest(kept), ...others } });
}
