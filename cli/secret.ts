import { open } from 'node:fs/promises';
import { UsageError, type Io } from './command.js';

/** Where the secret is looked for when no file is named. Never the arguments: every user of a machine can list them. */
export const SECRET_VARIABLE = 'MCP_ETDI_KEY_SECRET';

/**
 * The secret of a key store, without the line break at its end.
 * @throws {UsageError} when there is none, or more than one
 */
export async function readSecret(file: string | undefined, io: Io): Promise<string> {
  const given = io.env[SECRET_VARIABLE];
  if (file !== undefined && given !== undefined && given !== '') {
    throw new UsageError(`the secret is given twice; leave out --secret-file, or run: unset ${SECRET_VARIABLE}`);
  }
  const found = file === undefined ? given : await readPrivateFile(file);
  const secret = found?.replace(/\r?\n$/, '');
  if (secret === undefined || secret === '') {
    throw new UsageError(`pass the secret in the variable ${SECRET_VARIABLE}, or in a file with --secret-file`);
  }
  return secret;
}

/**
 * The text of a file that nobody else can read.
 * @throws {Error} when others can
 * @throws {UsageError} when it is not text
 */
export async function readPrivateFile(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    // Orchestrators mount secrets as links, so what counts is the file that they lead to.
    const { mode } = await file.stat();
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new Error(`'${path}' is open to other users; run: chmod 600 on it, or mount it with mode 0400`);
    }
    const bytes = await file.readFile();
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new UsageError(`'${path}' must hold text; encode random bytes with base64`, { cause });
  } finally {
    await file.close();
  }
}
