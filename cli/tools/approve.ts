import type { JSONWebKeySet } from 'jose';
import type { Listing } from '../../client/tools/listing.js';
import type { Approvals } from '../../client/tools/approvals.js';
import { fileApprovals, type FileApprovalsOptions } from '../../client/tools/fileApprovals.js';
import { explain, type ToolVerdict } from '../../client/tools/verdict.js';
import { toolVerifier, type ToolVerifier } from '../../client/toolVerifier.js';
import type { AuditTrail } from '../../lib/audit/trail.js';
import type { WireTool } from '../../lib/definitions/form.js';
import { isObject } from '../../lib/rpc.js';
import { escapeText } from '../../lib/text.js';
import { canonicalResource, secureUrl } from '../../lib/url.js';
import { command, readArguments, UsageError, wholeNumber, type Command, type Io } from '../command.js';
import { AUDIT, AUDIT_HELP } from '../recording.js';
import { listForms } from './connect.js';
import { KEYS, KEYS_HELP, withKeys } from './keyStore.js';
import { printJson } from './lockCommands.js';
import { CONNECTION, CONNECTION_HELP, readJson, targetOf } from './options.js';

const APPROVALS_HELP = `  --approvals <path>    the file of approvals (required)
${KEYS_HELP}`;

/** `mcp-etdi tools approve`: says what holds for the tools of a server, and approves those that are named. */
export const approve: Command = command(
  'mcp-etdi tools approve',
  'Approves tools of a server, or shows which need it',
  `Usage: mcp-etdi tools approve <url> [tool ...] [options]

Approves the named tools as they are now, in each form that the server offers, after it has shown what differs from what
was approved. Without a name nothing is approved. Ends with 1 unless every tool that was looked at is approved.

${APPROVALS_HELP}  --all                 approve every tool that may be approved
  --publisher-keys <path>  a file with the keys of the publisher of the tools, a JWK Set
  --publisher <uri>     the publisher; default: the URL
  --unsigned            let unsigned tools be approved
  --any-deployment      forget which deployments were seen: for a server that went back on purpose
  --days <n>            for how long; default: 90
  --approver <name>     who approves; default: the variable USER
${AUDIT_HELP}  --json                print JSON
${CONNECTION_HELP}`,
  async (args, io) => {
    const options = {
      ...KEYS,
      ...CONNECTION,
      ...AUDIT,
      approvals: { type: 'string' },
      all: { type: 'boolean' },
      'publisher-keys': { type: 'string' },
      publisher: { type: 'string' },
      unsigned: { type: 'boolean' },
      'any-deployment': { type: 'boolean' },
      days: { type: 'string' },
      approver: { type: 'string' },
      json: { type: 'boolean' },
    } as const;
    const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true });
    const [url, ...names] = positionals;
    const target = await targetOf(url, values, io);
    const file = fileOf(values.approvals);
    const publishers = await publishersOf(values['publisher-keys'], values.publisher ?? target.url, values.unsigned);
    const approver = approverOf(values.approver, io);
    const approvalLifetime = wholeNumber('days', values.days ?? '90') * 86_400;
    const listings = await listForms(target);
    const results = await withKeys('approval', values, io, async ({ signer, jwks, trail }) => {
      const approvals = openApprovals({ file, signer, keys: jwks }, trail);
      if (values['any-deployment'] === true) await approvals.saveDeployments(target.url, []);
      const verifier = toolVerifier({
        server: target.url,
        publishers,
        approvals,
        unsigned: values.unsigned === true ? 'ask' : 'deny',
        approvalLifetime,
      });
      return lookAtAll(verifier, listings, { names, all: values.all === true, approver });
    });
    const unknown = names.find((name) => !results.some(({ tool }) => tool === name));
    if (unknown !== undefined) throw new Error(`the server lists no tool '${escapeText(unknown)}'`);
    if (values.json === true) printJson(io, { tools: results });
    else io.stdout(results.map(describe).join(''));
    if (results.some(({ outcome }) => outcome !== 'allow')) throw new Error('not every tool is approved');
  },
);

interface Wanted {
  /** Only these are looked at; all, where none is named. */
  readonly names: readonly string[];
  readonly all: boolean;
  readonly approver: string;
}

interface Result extends ToolVerdict {
  /** Why it had to be approved. */
  readonly approvedDespite?: string;
}

async function lookAtAll(verifier: ToolVerifier, listings: readonly Listing[], wanted: Wanted): Promise<Result[]> {
  const results: Result[] = [];
  for (const listing of listings) {
    for (const tool of listing.tools) {
      const name = String(tool['name']);
      if (wanted.names.length > 0 && !wanted.names.includes(name)) continue;
      if (listing.duplicates.has(tool['name'])) throw new Error(`the server lists '${escapeText(name)}' twice`);
      results.push(await lookAt(verifier, listing, tool, wanted));
    }
  }
  return results;
}

async function lookAt(verifier: ToolVerifier, listing: Listing, tool: WireTool, wanted: Wanted): Promise<Result> {
  const { form, keyRotations, manifests } = listing;
  const list = { form, keyRotations, manifest: manifests.get(tool) ?? null };
  const verdict = await verifier.check(tool, list);
  if (verdict.outcome !== 'ask' || (wanted.names.length === 0 && !wanted.all)) return verdict;
  await verifier.approve(tool, { ...list, approver: wanted.approver });
  const after = await verifier.check(tool, list);
  return { ...after, diff: verdict.diff, approvedDespite: verdict.reason };
}

function describe(result: Result): string {
  const { tool, form, outcome, version = '-', permissions, diff, approvedDespite } = result;
  const what = approvedDespite === undefined ? outcome : `approved now (${approvedDespite})`;
  const head = `${escapeText(tool)} (${form}, ${escapeText(version, 40)}): ${what}: ${explain(result)}\n`;
  const needs = permissions.length === 0 ? '' : `  permissions: ${escapeText(permissions.join(' '))}\n`;
  return `${head}${needs}${diff.map((line) => `  ${line}\n`).join('')}`;
}

async function publishersOf(
  file: string | undefined,
  owner: string,
  unsigned: boolean | undefined,
): Promise<{ owner: string; jwks: JSONWebKeySet }[]> {
  if (file === undefined) {
    if (unsigned === true) return [];
    throw new UsageError('name the keys of the publisher with --publisher-keys, or pass --unsigned');
  }
  const jwks = await readJson(file);
  if (!isObject(jwks) || !Array.isArray(jwks['keys'])) throw new UsageError(`'${file}' is not a JWK Set`);
  return [{ owner, jwks: { keys: jwks['keys'] as JSONWebKeySet['keys'] } }];
}

/** Nobody proves who that is: it is for those who read the approvals. */
function approverOf(named: string | undefined, io: Io): string {
  return named ?? io.env['USER'] ?? 'user';
}

function openApprovals(options: FileApprovalsOptions, trail: AuditTrail | undefined): Approvals {
  const approvals = fileApprovals(options);
  return trail?.approvals(approvals) ?? approvals;
}

function fileOf(file: string | undefined): string {
  if (file === undefined) throw new UsageError('name the file of approvals with --approvals');
  return file;
}

/** `mcp-etdi tools revoke`: takes approvals back. */
export const revoke: Command = command(
  'mcp-etdi tools revoke',
  'Takes approvals back',
  `Usage: mcp-etdi tools revoke <url> <tool ...> [options]

Takes the approvals of the named tools of a server back. The server is not asked.

${APPROVALS_HELP}  --approver <name>     who takes them back, for the audit trail; default: the variable USER
${AUDIT_HELP}  --json                print JSON
`,
  async (args, io: Io) => {
    const options = {
      ...KEYS,
      ...AUDIT,
      approvals: { type: 'string' },
      approver: { type: 'string' },
      json: { type: 'boolean' },
    } as const;
    const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true });
    const [url, ...names] = positionals;
    if (url === undefined || secureUrl(url) !== undefined || names.length === 0) {
      throw new UsageError('name the URL of an MCP endpoint and at least one tool');
    }
    const file = fileOf(values.approvals);
    const by = { approver: approverOf(values.approver, io) };
    const revoked = await withKeys('approval', values, io, async ({ jwks, trail }) => {
      const approvals = openApprovals({ file, keys: jwks }, trail);
      const done: string[] = [];
      for (const name of names) if (await approvals.revoke(canonicalResource(url), name, by)) done.push(name);
      return done;
    });
    if (values.json === true) printJson(io, { revoked });
    else io.stdout(revoked.map((name) => `${escapeText(name)}: revoked\n`).join(''));
    const [missing] = names.filter((name) => !revoked.includes(name));
    if (missing !== undefined) throw new Error(`there is no approval of '${escapeText(missing)}'`);
  },
);
