import type { ProofKey } from '../lib/dpop/createProof.js';
import type { Signer } from '../lib/keys/signer.js';
import { escapeText } from '../lib/text.js';
import { command, readArguments, UsageError, type Command, type Io } from './command.js';
import { ask, type Patient } from './doctor/ask.js';
import { lookAsCaller } from './doctor/caller.js';
import type { Finding } from './doctor/finding.js';
import { holderOf, type Holder } from './doctor/holder.js';
import { lookAsLatecomer } from './doctor/latecomer.js';
import { lookAtMetadata } from './doctor/metadata.js';
import { readProofKey } from './doctor/proofKey.js';
import { lookAsSigner } from './doctor/signer.js';
import { lookAsStranger } from './doctor/stranger.js';
import { jsonText } from './json.js';
import { KEYS, withKeys } from './tools/keyStore.js';
import { CONNECTION, CONNECTION_HELP, readToken, targetOf, type Connection } from './tools/options.js';

const MARKS: Readonly<Record<Finding['outcome'], string>> = {
  ok: 'ok      ',
  note: 'note    ',
  warning: 'warning ',
  failed: 'FAILED  ',
  unknown: '?       ',
  skipped: '-       ',
};

/** `mcp-etdi doctor`: what a client would find at a running server. */
export const doctor: Command = command(
  'mcp-etdi doctor',
  'Looks at a running MCP server as clients and attackers would',
  `Usage: mcp-etdi doctor <url> [options]

Sends a few harmless requests to an MCP endpoint and explains the answers: without a token, with one where you give one,
and signed where you give a key. No tool is called. Ends with 1 when something is not as it should be.

  --expired-token-file <path>  the file with a token that has expired
  --proof-key-file <path>  the file with the private key that the tokens are bound to (DPoP), as a JWK with its alg
  --directory <path>    a key store whose request key the server trusts: signs requests where they must be signed
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
    const given = await prepare(url, values, io);
    const findings =
      values.directory === undefined
        ? await lookAt(given, undefined)
        : await withKeys('request', values, io, ({ signer }) => lookAt(given, signer));
    print(findings, values.json === true, io);
    const made = findings.filter(({ outcome }) => outcome !== 'skipped');
    const count = made.filter(({ outcome }) => outcome === 'failed').length;
    if (count > 0) throw new Error(`${count} of ${made.length} checks failed`);
  },
);

async function lookAt({ patient, key, token, expired }: Prepared, signer: Signer | undefined) {
  const holding = (one: string | undefined): Holder | undefined =>
    one === undefined ? undefined : holderOf(patient, { token: one, key, signer });
  const holder = holding(token);
  const stranger = await ask(patient);
  return [
    ...(await lookAsStranger(patient, stranger, holder)),
    ...(await lookAtMetadata(patient, stranger)),
    ...(await lookAsCaller(patient, holder, stranger)),
    ...(await lookAsLatecomer(patient, holding(expired))),
    ...(await lookAsSigner(patient, signer, holder)),
  ];
}

interface Given extends Connection {
  readonly 'expired-token-file'?: string | undefined;
  readonly 'proof-key-file'?: string | undefined;
}

interface Prepared {
  readonly patient: Patient;
  readonly key: ProofKey | undefined;
  readonly token: string | undefined;
  readonly expired: string | undefined;
}

/** Reads everything that was given before anything is sent. */
async function prepare(url: string | undefined, given: Given, io: Io): Promise<Prepared> {
  const { 'expired-token-file': expiredFile, 'proof-key-file': keyFile } = given;
  const target = await targetOf(url, given, io);
  const { authorization, ...headers } = target.headers;
  return {
    patient: { url: new URL(target.url), headers, timeoutMs: target.timeoutMs },
    key: keyFile === undefined ? undefined : await readProofKey(keyFile),
    token: authorization?.replace(/^(?:Bearer|DPoP) /i, ''),
    expired: expiredFile === undefined ? undefined : await readToken(expiredFile),
  };
}

function print(findings: readonly Finding[], asJson: boolean, io: Io): void {
  if (asJson) {
    io.stdout(jsonText({ findings }, 2));
    return;
  }
  for (const { outcome, check, text, fix } of findings) {
    io.stdout(`${MARKS[outcome]}${check.padEnd(22)}${escapeText(text, 400)}\n`);
    if (fix !== undefined) io.stdout(`${' '.repeat(30)}-> ${fix}\n`);
  }
}
