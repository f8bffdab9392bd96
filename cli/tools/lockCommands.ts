import { escapeJson } from '../../lib/json/escape.js';
import { canonicalResource } from '../../lib/url.js';
import { escapeText } from '../../lib/text.js';
import { command, readArguments, UsageError, type Command, type Io } from '../command.js';
import { listForms } from './connect.js';
import { describeDrift, driftOf, formOf, permissionsOf, type Drift } from './drift.js';
import { CONNECTION, CONNECTION_HELP, targetOf, type Connection } from './options.js';
import { LOCK_FILE, lockedTools, readLock, updateLock, type LockedTool } from './toolLock.js';

const FILE = { file: { type: 'string' }, json: { type: 'boolean' } } as const;
const FILE_HELP = `  --file <path>         the lock file; default: ${LOCK_FILE}
  --json                print JSON
`;

async function serve(url: string | undefined, options: Connection, io: Io): Promise<readonly LockedTool[]> {
  const target = await targetOf(url, options, io);
  return lockedTools(canonicalResource(target.url), await listForms(target));
}

function only(words: readonly string[], what: string): string {
  const [word, ...surplus] = words;
  if (word === undefined || surplus.length > 0) throw new UsageError(`name ${what}`);
  return word;
}

const isOf =
  (server: string) =>
  (tool: LockedTool): boolean =>
    canonicalResource(tool.server) === canonicalResource(server);

export const lock: Command = command(
  'mcp-etdi tools lock',
  'Writes down what the tools of a server are, for a review',
  `Usage: mcp-etdi tools lock <url> [options]

Writes the digest and the definition of every tool of a server into a file that is made to be reviewed and kept under
version control. Works with any MCP server. What the file says of other servers stays, and so does what it says of tools
that this server does not list: it may hide them from whoever asks. Prints what changed.

${FILE_HELP}  --prune               drop what the server does not list
${CONNECTION_HELP}`,
  async (args, io) => {
    const options = { ...FILE, ...CONNECTION, prune: { type: 'boolean' } } as const;
    const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true });
    const url = only(positionals, 'the URL of one MCP endpoint');
    const tools = await serve(url, values, io);
    const file = values.file ?? LOCK_FILE;
    const listed = new Set(tools.map(formOf));
    const isKept = (tool: LockedTool): boolean => values.prune !== true && !listed.has(formOf(tool));
    const before = await updateLock(file, (all) => [
      ...all.filter((tool) => !isOf(url)(tool) || isKept(tool)),
      ...tools,
    ]);
    const locked = before.filter(isOf(url));
    const [drifts, kept] = [driftOf(locked, tools), locked.filter(isKept)];
    if (values.json === true) {
      printJson(io, { file, tools: tools.map(summary), kept: kept.map(summary), changes: drifts });
    } else {
      io.stdout(`${describeDrift(drifts)}${count(tools)} locked in '${escapeText(file)}'\n${describeKept(kept)}`);
    }
  },
);

export const verify: Command = command(
  'mcp-etdi tools verify',
  'Fails when the tools of a server are not what is locked',
  `Usage: mcp-etdi tools verify <url> [options]

Compares the tools of a server with the lock file and prints what differs. Ends with 1 when anything does.

${FILE_HELP}${CONNECTION_HELP}`,
  async (args, io) => {
    const options = { ...FILE, ...CONNECTION };
    const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true });
    const url = only(positionals, 'the URL of one MCP endpoint');
    const locked = (await readLock(values.file ?? LOCK_FILE)).filter(isOf(url));
    if (locked.length === 0) throw new Error(`nothing is locked for this server; run: mcp-etdi tools lock`);
    const tools = await serve(url, values, io);
    const drifts = driftOf(locked, tools);
    report(io, values.json, drifts, `${count(tools)} as locked\n`);
    if (drifts.length > 0) throw new Error('the tools are not what is locked');
  },
);

export const diff: Command = command(
  'mcp-etdi tools diff',
  'Compares two lock files',
  `Usage: mcp-etdi tools diff <old file> <new file> [options]

Prints what differs between two lock files. Ends with 1 when anything does.

  --json                print JSON
`,
  async (args, io) => {
    const options = { json: { type: 'boolean' } } as const;
    const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true });
    const [old, now, ...surplus] = positionals;
    if (old === undefined || now === undefined || surplus.length > 0) throw new UsageError('name two lock files');
    const [before, after] = [await readLock(old), await readLock(now)];
    const servers = [...new Set([...before, ...after].map(({ server }) => server))].sort();
    const drifts = servers.flatMap((server) => driftOf(before.filter(isOf(server)), after.filter(isOf(server))));
    report(io, values.json, drifts, 'no difference\n');
    if (drifts.length > 0) throw new Error('the tools differ');
  },
);

function report(io: Io, json: boolean | undefined, drifts: readonly Drift[], fine: string): void {
  if (json === true) printJson(io, { ok: drifts.length === 0, changes: drifts });
  else io.stdout(drifts.length === 0 ? fine : describeDrift(drifts));
}

function describeKept(kept: readonly LockedTool[]): string {
  if (kept.length === 0) return '';
  return `${count(kept)} kept that the server does not list to this caller; --prune drops what is not listed\n`;
}

function summary(tool: LockedTool): object {
  const { server, name, version, form, digest } = tool;
  return { server, name, version, form, digest, permissions: permissionsOf(tool) };
}

function count(tools: readonly LockedTool[]): string {
  const names = new Set(tools.map(({ name }) => name));
  return names.size === 1 ? '1 tool' : `${names.size} tools`;
}

export function printJson(io: Io, value: object): void {
  io.stdout(`${escapeJson(JSON.stringify(value, undefined, 2))}\n`);
}
