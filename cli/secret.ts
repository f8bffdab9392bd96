import { open } from 'node:fs/promises';
import { UsageError, type Io } from './command.js';

/** Where the secret is looked for when no file is named. Never the arguments: every user of a machine can list them. */
export const SECRET_VARIABLE = 'MCP_ETDI_KEY_SECRET';

/**
 * The secret of a key store, without the line break at its end.
 * @throws {UsageError} when there is none
 */
export async function readSecret(file: string | undefined, io: Io): Promise<string> {
  const found = file === undefined ? io.env[SECRET_VARIABLE] : await readFile(file, io);
  const secret = found?.replace(/\r?\n$/, '');
  if (secret === undefined || secret === '') {
    throw new UsageError(`pass the secret in the variable ${SECRET_VARIABLE}, or in a file with --secret-file`);
  }
  return secret;
}

async function readFile(path: string, io: Io): Promise<string> {
  const file = await open(path, 'r');
  try {
    // Orchestrators mount secrets as links, and some as files that everybody can read: a warning is what helps there.
    const { mode } = await file.stat();
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      io.stderr(`warning: other users can read '${path}'; run: chmod 600 on it\n`);
    }
    const bytes = await file.readFile();
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new UsageError('the secret file must hold text; encode random bytes with base64', { cause });
  } finally {
    await file.close();
  }
}
