import { escapeUnits } from './text.js';

const UNSAFE = /[\u007f-\uffff]/g;

/**
 * Writes what went wrong as one JSON line on standard error, with everything a client could have put into an error
 * message escaped. Never throws.
 */
export function reportError(error: unknown, request: string): void {
  const line = JSON.stringify({ source: 'mcp-etdi', request, error: describe(error) });
  const ascii = line.replace(UNSAFE, escapeUnits);
  process.stderr.write(`${ascii}\n`);
}

function describe(error: unknown): string {
  try {
    if (!(error instanceof Error)) return String(error);
    const text = error.stack ?? `${error.name}: ${error.message}`;
    return error.cause instanceof Error ? `${text}\ncaused by: ${error.cause.stack ?? error.cause.message}` : text;
  } catch {
    return 'an error that cannot be printed';
  }
}
