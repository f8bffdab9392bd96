import { escapeText } from '../lib/text.js';
import { command, readArguments, UsageError, type Command, type Io } from './command.js';
import type { Patient } from './doctor/ask.js';
import { lookAsCaller, lookAsLatecomer } from './doctor/caller.js';
import type { Finding } from './doctor/finding.js';
import { lookAtMetadata } from './doctor/metadata.js';
import { lookAsSigner } from './doctor/signer.js';
import { lookAsStranger } from './doctor/stranger.js';
import { KEYS, withKeys } from './tools/keyStore.js';
import { CONNECTION, CONNECTION_HELP, readToken, targetOf } from './tools/options.js';

const MARKS = { ok: 'ok      ', warning: 'warning ', failed: 'FAILED  ', unknown: '?       ' } as const;

/** `mcp-etdi doctor`: what a client would find at a running server. */
export const doctor: Command = command(
  'mcp-etdi doctor',
  'Looks at a running MCP server as clients and attackers would',
  `Usage: mcp-etdi doctor <url> [options]

Sends a few harmless requests to an MCP endpoint and explains the answers: without a token, with one where you give one,
and signed where you give a key. No tool is called. Ends with 1 when something is not as it should be.

  --expired-token-file <path>  the file with a token that has expired
  --directory <path>    a key store whose request key the server trusts
  --secret-file <path>  the file with its secret
  --json                print JSON
${CONNECTION_HELP}`,
  async (args, io) => {
    const options = {
      ...CONNECTION,
      ...KEYS,
      'expired-token-file': { type: 'string' },
      json: { type: 'boolean' },
    } as const;
    const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true });
    const [url, ...surplus] = positionals;
    if (surplus.length > 0) throw new UsageError('name one URL');
    const { headers: given, timeoutMs } = await targetOf(url, values, io);
    const { authorization, ...headers } = given;
    const patient: Patient = { url: new URL(url ?? ''), headers, timeoutMs };
    const token = authorization?.replace(/^Bearer /, '');
    const file = values['expired-token-file'];
    const expired = file === undefined ? undefined : await readToken(file);
    const findings = [
      ...(await lookAsStranger(patient)),
      ...(await lookAtMetadata(patient)),
      ...(token === undefined ? [] : await lookAsCaller(patient, token)),
      ...(expired === undefined ? [] : [await lookAsLatecomer(patient, expired)]),
      ...(values.directory === undefined
        ? []
        : await withKeys('request', values, io, ({ signer }) => lookAsSigner(patient, signer, token))),
    ];
    print(findings, values.json === true, io);
    const count = findings.filter(({ outcome }) => outcome === 'failed').length;
    if (count > 0) throw new Error(`${count} of ${findings.length} checks failed`);
  },
);

function print(findings: readonly Finding[], asJson: boolean, io: Io): void {
  if (asJson) {
    io.stdout(`${JSON.stringify({ findings }, undefined, 2)}\n`);
    return;
  }
  for (const { outcome, check, text, fix } of findings) {
    io.stdout(`${MARKS[outcome]}${check.padEnd(22)}${escapeText(text, 400)}\n`);
    if (fix !== undefined) io.stdout(`${' '.repeat(30)}-> ${fix}\n`);
  }
}
