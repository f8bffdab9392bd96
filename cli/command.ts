import { parseArgs, type ParseArgsConfig } from 'node:util';
import { escapeJson } from '../lib/json/escape.js';

/** What a command may touch of the process it runs in. */
export interface Io {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends what would go on for ever. Default: nothing does. */
  readonly signal?: AbortSignal;
}

/** One word of the command line: it does something, or leads to further words. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** Returns the exit code. */
  readonly run: (args: readonly string[], io: Io) => Promise<number>;
}

export const OK = 0;
export const FAILURE = 1;
const USAGE = 2;

/** The command line was not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A command that leads to others: `mcp-etdi keys` to `mcp-etdi keys list`. */
export function group(name: string, summary: string, commands: ReadonlyMap<string, Command>, notes = ''): Command {
  const width = Math.max(...[...commands.keys()].map((word) => word.length));
  const list = [...commands].map(([word, command]) => `  ${word.padEnd(width)}  ${command.summary}\n`).join('');
  const help = `Usage: ${name} <command> [options]\n\n${summary}\n\n${list}\n${notes}Help: ${name} <command> --help\n`;
  return {
    summary,
    run: async ([word, ...rest], io) => {
      if (word === '--help' || word === '-h') {
        io.stdout(help);
        return OK;
      }
      const command = word === undefined ? undefined : commands.get(word);
      if (command !== undefined) return command.run(rest, io);
      const isUnknown = word !== undefined && !word.startsWith('-');
      if (isUnknown || rest.includes(JSON_FLAG) || word === JSON_FLAG) {
        return complain(name, new UsageError('there is no such command'), [word ?? '', ...rest], io);
      }
      io.stderr(help);
      return USAGE;
    },
  };
}

/** A command that does something. Mistakes on the command line end with 2, everything else that goes wrong with 1. */
export function command(
  name: string,
  summary: string,
  help: string,
  work: (args: readonly string[], io: Io) => Promise<void>,
): Command {
  return {
    summary,
    run: async (args, io) => {
      if (args.includes('--help') || args.includes('-h')) {
        io.stdout(`${help.trim()}\n`);
        return OK;
      }
      try {
        await work(args, io);
        return OK;
      } catch (cause) {
        return complain(name, cause, args, io);
      }
    },
  };
}

const JSON_FLAG = '--json';

/** Says what went wrong, in JSON to whoever asked for JSON, and returns the exit code. */
export function complain(name: string, cause: unknown, args: readonly string[], io: Pick<Io, 'stderr'>): number {
  const message = cause instanceof Error ? cause.message : String(cause);
  const isUsage = cause instanceof UsageError;
  if (args.includes(JSON_FLAG)) {
    io.stderr(`${escapeJson(JSON.stringify({ error: { code: isUsage ? 'usage' : codeOf(cause), message } }))}\n`);
  } else {
    io.stderr(`${name}: ${message}\n${isUsage ? `See ${name} --help\n` : ''}`);
  }
  return isUsage ? USAGE : FAILURE;
}

/** The code that key stores and the file system give their errors. */
function codeOf(cause: unknown): string {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : 'failed';
}

/**
 * `parseArgs` whose complaints are usage errors.
 * @throws {UsageError} for unknown options, missing values, surplus words, and one value too many
 */
export function readArguments<Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> {
  try {
    assertOnce(config);
    return parseArgs(config);
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The last of several values would win unnoticed. */
function assertOnce(config: ParseArgsConfig): void {
  const { tokens } = parseArgs({ ...config, tokens: true });
  const names = tokens.flatMap((token) => (token.kind === 'option' && token.value !== undefined ? [token.name] : []));
  const twice = names.find((name, at) => names.indexOf(name) < at && config.options?.[name]?.multiple !== true);
  if (twice !== undefined) throw new UsageError(`--${twice} is given twice; give it once`);
}

/** @throws {UsageError} when a value is none of those that are known */
export function among<Known extends string>(option: string, known: readonly Known[], value: string): Known {
  const found = known.find((one) => one === value);
  if (found === undefined) throw new UsageError(`--${option} must be one of ${known.join(', ')}`);
  return found;
}

/** @throws {UsageError} when a value is not a whole number from 1 */
export function wholeNumber(option: string, value: string): number {
  const number = /^[0-9]{1,15}$/.test(value) ? Number(value) : 0;
  if (number === 0) throw new UsageError(`--${option} must be a whole number from 1`);
  return number;
}

/** Rows with columns of even width. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
