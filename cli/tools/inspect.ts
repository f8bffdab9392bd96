import { statedBy, type WireTool } from '../../lib/definitions/form.js';
import { signaturesOf } from '../../lib/definitions/verify.js';
import { escapeText } from '../../lib/text.js';
import { command, readArguments, table, UsageError, type Command } from '../command.js';
import { listForms } from './connect.js';
import { hintsOf, type Hint } from './hints.js';
import { printJson } from './lockCommands.js';
import { CONNECTION, CONNECTION_HELP, targetOf } from './options.js';

interface Inspected {
  readonly tool: string;
  readonly form: string;
  /** What the tool says of itself. Nothing here is verified. */
  readonly version?: string;
  readonly publisher?: string;
  readonly permissions: readonly string[];
  readonly signatures: number;
  readonly hints: readonly Hint[];
}

/** `mcp-etdi tools inspect`: what the tools of a server say of themselves. */
export const inspect: Command = command(
  'mcp-etdi tools inspect',
  'Shows what the tools of a server say of themselves, and what stands out',
  `Usage: mcp-etdi tools inspect <url> [options]

Shows versions, publishers and permissions as the tools state them: nothing is verified. Points out hidden and
bidirectional characters and texts that read like instructions. These are hints for a reader and no verdict: a tool
without any can do harm.

  --json                print JSON
${CONNECTION_HELP}`,
  async (args, io) => {
    const options = { json: { type: 'boolean' }, ...CONNECTION } as const;
    const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true });
    const [url, ...surplus] = positionals;
    if (surplus.length > 0) throw new UsageError('name the URL of one MCP endpoint');
    const listings = await listForms(await targetOf(url, values, io));
    const inspected = listings.flatMap(({ form, tools }) => tools.map((tool) => inspectTool(form, tool)));
    if (values.json === true) printJson(io, { tools: inspected });
    else io.stdout(`${overview(inspected)}${inspected.map(describeHints).join('')}`);
  },
);

function inspectTool(form: string, tool: WireTool): Inspected {
  const stated = statedBy(tool);
  return {
    tool: typeof tool['name'] === 'string' ? tool['name'] : '',
    form,
    ...(stated === undefined ? {} : { version: stated.version, publisher: stated.publisher }),
    permissions: stated?.permissions ?? [],
    signatures: signaturesOf(tool).length,
    hints: hintsOf(tool),
  };
}

function overview(tools: readonly Inspected[]): string {
  const rows = tools.map(({ tool, form, version, publisher, permissions, signatures, hints }) =>
    [
      tool,
      form,
      version ?? '-',
      publisher ?? '-',
      permissions.join(' ') || '-',
      `${signatures}`,
      `${hints.length}`,
    ].map((cell) => escapeText(cell, 80)),
  );
  return table([['TOOL', 'FORM', 'VERSION', 'PUBLISHER', 'PERMISSIONS', 'SIGNATURES', 'HINTS'], ...rows]);
}

function describeHints({ tool, form, hints }: Inspected): string {
  return hints
    .map(({ kind, path, excerpt }) => `hint: ${escapeText(tool)} (${form}) ${path}: ${kind}: ${excerpt}\n`)
    .join('');
}
