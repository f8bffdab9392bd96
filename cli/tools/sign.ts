import { faultOf } from '../../lib/definitions/faults.js';
import { DEFINITION, metaOf, SIGNATURES, type WireTool } from '../../lib/definitions/form.js';
import { signDefinition } from '../../lib/definitions/sign.js';
import { isObject } from '../../lib/rpc.js';
import { escapeText } from '../../lib/text.js';
import { command, readArguments, UsageError, wholeNumber, type Command } from '../command.js';
import { KEYS, KEYS_HELP, withKeys } from './keyStore.js';
import { printJson } from './lockCommands.js';
import { readJson } from './options.js';

const NAMED = [DEFINITION, SIGNATURES] as const;

/** `mcp-etdi tools sign`: signs definitions that are served by something else than `publishTools`. */
export const sign: Command = command(
  'mcp-etdi tools sign',
  'Signs tool definitions of a file',
  `Usage: mcp-etdi tools sign <file> --directory <path> [options]

Signs each tool of a file, which is a tool, a list of tools, or a result of tools/list, and prints it with its signature
in place of those that it had. Every tool must state its definition in _meta["${NAMED[0]}"].
The tools must be served exactly as they are printed. A server with publishTools signs by itself.

${KEYS_HELP}  --days <n>            how long the signatures hold; default: 30
  --json                print JSON, which is what is printed in any case
`,
  async (args, io) => {
    const options = { ...KEYS, days: { type: 'string' }, json: { type: 'boolean' } } as const;
    const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true });
    const [file, ...surplus] = positionals;
    if (file === undefined || surplus.length > 0) throw new UsageError('name one file');
    const lifetimeMs = wholeNumber('days', values.days ?? '30') * 86_400_000;
    const content = await readJson(file);
    const signed = await withKeys('definition', values, io, async ({ signer }) => {
      const [key, issuedAt] = [await signer.current(), new Date()];
      const terms = { key, issuedAt, expiresAt: new Date(issuedAt.getTime() + lifetimeMs) };
      return mapTools(content, async (tool) => {
        assertWhole(tool);
        return { ...tool, _meta: { ...metaOf(tool), [SIGNATURES]: [await signDefinition(tool, terms)] } };
      });
    });
    printJson(io, signed);
  },
);

function assertWhole(tool: WireTool): void {
  const { name } = tool;
  if (typeof name !== 'string') throw new Error('the file holds a tool without a name');
  const fault = faultOf(tool);
  if (fault !== undefined) throw new Error(`the tool '${escapeText(name)}' ${fault}`);
}

async function mapTools(content: unknown, map: (tool: WireTool) => Promise<WireTool>): Promise<object> {
  if (Array.isArray(content)) return Promise.all(content.map((one: unknown) => map(toolOf(one))));
  const value = toolOf(content);
  return Array.isArray(value['tools']) ? { ...value, tools: await mapTools(value['tools'], map) } : map(value);
}

function toolOf(value: unknown): WireTool {
  if (!isObject(value)) throw new Error('the file holds something that is not a tool');
  return value;
}
