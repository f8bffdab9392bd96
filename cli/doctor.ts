import { escapeText } from '../lib/text.js';
import { command, readArguments, UsageError, type Command, type Io } from './command.js';
import type { Patient } from './doctor/ask.js';
import { lookAsCaller } from './doctor/caller.js';
import type { Finding } from './doctor/finding.js';
import { holderOf, type Holder } from './doctor/holder.js';
import { lookAsLatecomer } from './doctor/latecomer.js';
import { lookAtMetadata } from './doctor/metadata.js';
import { readProofKey } from './doctor/proofKey.js';
import { lookAsSigner } from './doctor/signer.js';
import { lookAsStranger } from './doctor/stranger.js';
import { KEYS, withKeys } from './tools/keyStore.js';
import { CONNECTION, CONNECTION_HELP, readToken, targetOf, type Connection } from './tools/options.js';

const MARKS = { ok: 'ok      ', warning: 'warning ', failed: 'FAILED  ', unknown: '?       ' } as const;

/** `mcp-etdi doctor`: what a client would find at a running server. */
export const doctor: Command = command(
  'mcp-etdi doctor',
  'Looks at a running MCP server as clients and attackers would',
  `Usage: mcp-etdi doctor <url> [options]

Sends a few harmless requests to an MCP endpoint and explains the answers: without a token, with one where you give one,
and signed where you give a key. No tool is called. Ends with 1 when something is not as it should be.

  --expired-token-file <path>  the file with a token that has expired
  --proof-key-file <path>  the file with the private key that the tokens are bound to (DPoP), as a JWK with its alg
  --directory <path>    a key store whose request key the server trusts
  --secret-file <path>  the file with its secret
  --json                print JSON
${CONNECTION_HELP}`,
  async (args, io) => {
    const options = {
      ...CONNECTION,
      ...KEYS,
      'expired-token-file': { type: 'string' },
      'proof-key-file': { type: 'string' },
      json: { type: 'boolean' },
    } as const;
    const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true });
    const [url, ...surplus] = positionals;
    if (surplus.length > 0) throw new UsageError('name one URL');
    const { patient, holder, latecomer } = await prepare(url, values, io);
    const findings = [
      ...(await lookAsStranger(patient)),
      ...(await lookAtMetadata(patient)),
      ...(holder === undefined ? [] : await lookAsCaller(patient, holder)),
      ...(latecomer === undefined ? [] : [await lookAsLatecomer(patient, latecomer)]),
      ...(values.directory === undefined
        ? []
        : await withKeys('request', values, io, ({ signer }) => lookAsSigner(patient, signer, holder))),
    ];
    print(findings, values.json === true, io);
    const count = findings.filter(({ outcome }) => outcome === 'failed').length;
    if (count > 0) throw new Error(`${count} of ${findings.length} checks failed`);
  },
);

interface Given extends Connection {
  readonly 'expired-token-file'?: string | undefined;
  readonly 'proof-key-file'?: string | undefined;
}

interface Prepared {
  readonly patient: Patient;
  readonly holder: Holder | undefined;
  readonly latecomer: Holder | undefined;
}

/** Reads everything that was given before anything is sent. */
async function prepare(url: string | undefined, given: Given, io: Io): Promise<Prepared> {
  const { 'expired-token-file': expiredFile, 'proof-key-file': keyFile } = given;
  const target = await targetOf(url, given, io);
  const { authorization, ...headers } = target.headers;
  const patient = { url: new URL(target.url), headers, timeoutMs: target.timeoutMs };
  const key = keyFile === undefined ? undefined : await readProofKey(keyFile);
  const token = authorization?.replace(/^(?:Bearer|DPoP) /i, '');
  const expired = expiredFile === undefined ? undefined : await readToken(expiredFile);
  return {
    patient,
    holder: token === undefined ? undefined : holderOf(patient, token, key),
    latecomer: expired === undefined ? undefined : holderOf(patient, expired, key),
  };
}

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
