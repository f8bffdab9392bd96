import { entryOf, type Entry } from '../../lib/audit/report/entry.js';
import { Latest } from '../../lib/audit/report/bounded.js';
import { isObject } from '../../lib/rpc.js';
import { showText } from '../../lib/text.js';
import { command, readArguments, UsageError, wholeNumber, type Command, type Io } from '../command.js';
import { linesOf } from './follow.js';
import { filesOf } from './input.js';
import { jsonText } from '../json.js';
import { describeEntry } from './lines.js';

interface Wanted {
  readonly denied: boolean;
  readonly tool: string | undefined;
  readonly json: boolean;
}

/** `mcp-etdi audit tail`: the last records of a log, and those that come. */
export const tail: Command = command(
  'mcp-etdi audit tail',
  'Prints the last records of a log, and with --follow those that come',
  `Usage: mcp-etdi audit tail <file> [options]

Prints the last records of one file, one line for each. Nothing is verified. Control and bidirectional characters are
printed as \\uXXXX, whatever the file holds.

  --lines <n>           how many; default: 10
  --follow              go on with what is written, also when a new file is begun
  --denied              only denials
  --tool <name>         only what is about this tool
  --json                print the records as JSON, one on each line
`,
  async (args, io) => {
    const options = {
      lines: { type: 'string' },
      follow: { type: 'boolean' },
      denied: { type: 'boolean' },
      tool: { type: 'string' },
      json: { type: 'boolean' },
    } as const;
    const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true });
    const [file, ...surplus] = positionals;
    if (file === undefined || surplus.length > 0) throw new UsageError('name one file of an audit trail');
    const most = wholeNumber('lines', values.lines ?? '10');
    const wanted = { denied: values.denied === true, tool: values.tool, json: values.json === true };
    await filesOf([file]);
    const follow = values.follow === true ? (io.signal ?? new AbortController().signal) : undefined;
    await show(io, linesOf(file, follow), most, wanted);
  },
);

/** Prints the last lines once the end is reached, and then each at once. */
async function show(io: Io, lines: AsyncIterable<string | undefined>, most: number, wanted: Wanted): Promise<void> {
  const last = new Latest<string>(most);
  let isLive = false;
  for await (const line of lines) {
    if (line === undefined) {
      if (!isLive) io.stdout([...last.list()].reverse().join(''));
      isLive = true;
      continue;
    }
    const text = textOf(line, wanted);
    if (text === undefined) continue;
    if (isLive) io.stdout(text);
    else last.add(text);
  }
}

function textOf(line: string, { denied, tool, json }: Wanted): string | undefined {
  const sealed = sealedOf(line);
  if (sealed === undefined) {
    return json || denied || tool !== undefined ? undefined : `${'-'.padEnd(24)}  no record: ${showText(line, 80)}\n`;
  }
  const entry = entryOf(sealed.record['event']);
  if (denied && entry.code === undefined) return undefined;
  if (tool !== undefined && !isAbout(entry, tool)) return undefined;
  return json ? jsonOf(sealed) : describeEntry(entry);
}

/** Nothing for what is nested too deeply to be written, which no trail holds. */
function jsonOf(sealed: Line): string | undefined {
  try {
    return jsonText(sealed);
  } catch {
    return undefined;
  }
}

function isAbout({ targets }: Entry, tool: string): boolean {
  return targets.some(({ kind, name }) => kind === 'tool' && name === tool);
}

interface Line {
  readonly hash: unknown;
  readonly record: Readonly<Record<string, unknown>>;
}

function sealedOf(line: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) && isObject(value['record']) ? { hash: value['hash'], record: value['record'] } : undefined;
  } catch {
    return undefined;
  }
}
