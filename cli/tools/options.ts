import { readFile } from 'node:fs/promises';
import { JsonError, parseStrictJson } from '../../lib/json/strict.js';
import { secureUrl } from '../../lib/url.js';
import { UsageError, wholeNumber, type Io } from '../command.js';
import type { Target } from './connect.js';

/** Where the token is looked for when no file is named. Never the arguments: every user of a machine can list them. */
const TOKEN_VARIABLE = 'MCP_ETDI_TOKEN';

export const CONNECTION = {
  'token-file': { type: 'string' },
  header: { type: 'string', multiple: true },
  timeout: { type: 'string' },
} as const;

export const CONNECTION_HELP: string = `  --token-file <path>   the file with a bearer token; default: the variable ${TOKEN_VARIABLE}, if it is set
  --header <name: value>  a further header of every request; may be repeated
  --timeout <s>         seconds to wait for an answer; default: 30
`;

export interface Connection {
  readonly 'token-file'?: string | undefined;
  readonly header?: readonly string[] | undefined;
  readonly timeout?: string | undefined;
}

const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)$/;
const TOKEN = /^[\x21-\x7e]+$/;

/** @throws {UsageError} for a URL that a token must not be sent to, and for headers that are none */
export async function targetOf(url: string | undefined, options: Connection, io: Io): Promise<Target> {
  if (url === undefined) throw new UsageError('name the URL of an MCP endpoint');
  if (!/^https?:\/\//i.test(url))
    throw new UsageError('the URL must be a whole one: begin it with http:// or https://');
  const problem = secureUrl(url);
  if (problem !== undefined) throw new UsageError(`the URL ${problem}`);
  const timeoutMs = wholeNumber('timeout', options.timeout ?? '30') * 1000;
  return { url, timeoutMs, headers: { ...headersOf(options.header ?? []), ...(await bearer(options, io)) } };
}

function headersOf(lines: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = HEADER.exec(line) ?? [];
      if (name === undefined || value === undefined) throw new UsageError("--header must be like 'Name: value'");
      return [name.toLowerCase(), value];
    }),
  );
}

async function bearer(options: Connection, io: Io): Promise<Readonly<Record<string, string>>> {
  const token =
    options['token-file'] === undefined ? io.env[TOKEN_VARIABLE]?.trim() : await readToken(options['token-file']);
  if (token === undefined || (token === '' && options['token-file'] === undefined)) return {};
  return { authorization: `Bearer ${assertToken(token)}` };
}

/** @throws {UsageError} for a file that cannot be read, or that holds no token */
export async function readToken(file: string): Promise<string> {
  return assertToken((await readText(file)).trim());
}

function assertToken(token: string): string {
  if (!TOKEN.test(token)) throw new UsageError('the token must be one line without spaces');
  return token;
}

/** @throws {UsageError} for a file that cannot be read, or that is not JSON */
export async function readJson(file: string): Promise<unknown> {
  const text = await readText(file);
  try {
    return parseStrictJson(text);
  } catch (cause) {
    throw cause instanceof JsonError ? new UsageError(`'${file}': ${cause.message}`, { cause }) : cause;
  }
}

/** @throws {UsageError} for a file that cannot be read */
async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`'${file}' cannot be read`, { cause });
  }
}
