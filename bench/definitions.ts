// What signed tools cost: their canonical form, verifying one, and publishing a list of them.
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import canonicalizePeer from 'canonicalize';
import type { OutgoingMessage } from '../lib/rpc.js';
import { DEFINITION, SIGNATURES, type WireTool } from '../lib/definitions/form.js';
import type { SigningTerms } from '../lib/definitions/jws.js';
import { signDefinition } from '../lib/definitions/sign.js';
import { verifyTool } from '../lib/definitions/verify.js';
import { memoryVersions } from '../lib/definitions/versions.js';
import { canonicalize } from '../lib/json/canonical.js';
import { importSignKey } from '../lib/keys/algorithms.js';
import { openTrust } from '../lib/keys/trust.js';
import { fakeContext } from '../lib/testing/fakeContext.js';
import { defineTools } from '../lib/tools/defineTools.js';
import { publishTools } from '../middleware/publishTools.js';
import { compare, ratio, type Contender } from './harness.js';
import { say } from './report.js';

const SERVER = 'https://mcp.example.com/mcp';
const TOOLS = 64;

/** One table for each question. */
export async function benchDefinitions(): Promise<void> {
  await benchCanonical();
  await benchVerify();
  await benchPublish();
}

async function benchCanonical(): Promise<void> {
  const tool = toolOf('secure_file_read');
  const size = Buffer.byteLength(canonicalize(tool));
  const [peer, ours] = await compare(`canonical form of a tool of ${size} bytes`, [
    { name: 'canonicalize 4', run: () => canonicalizePeer(tool) },
    { name: 'mcp-etdi, strict', run: () => canonicalize(tool) },
  ]);
  if (peer === undefined || ours === undefined) return;
  say(`ratio ${ratio(ours, peer).toFixed(2)} (target: below 1)`);
}

async function benchVerify(): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = await importSignKey({ ...privateKey.export({ format: 'jwk' }), alg: 'ES256' });
  const issuedAt = new Date();
  const terms = { key, issuedAt, expiresAt: new Date(issuedAt.getTime() + 86_400_000) };
  const tool = await signedTool('secure_file_read', terms);
  // More than are remembered, so that each is new when its turn comes.
  const tools = await Promise.all(Array.from({ length: 2000 }, () => signedTool('secure_file_read', terms)));
  let turn = 0;
  const jwk = { ...publicKey.export({ format: 'jwk' }), alg: 'ES256' } as { kty: string; alg: string };
  const options = { option: 'keys', purpose: 'definition', fetch, now: () => issuedAt } as const;
  const { find } = openTrust('bench', [{ owner: SERVER, jwks: { keys: [jwk] } }], options);
  const check = async (one: WireTool): Promise<void> => {
    if (typeof (await verifyTool(one, find, issuedAt)) === 'string') throw new Error('the tool does not verify');
  };
  const next = (): WireTool => tools[(turn += 1) % tools.length] ?? tool;
  const first: Contender = { name: 'mcp-etdi, seen for the first time', run: () => check(next()) };
  const again: Contender = { name: 'mcp-etdi, seen before', run: () => check(tool) };
  const payload = Buffer.from(canonicalize(toolOf('secure_file_read'))).toString('base64url');
  const bytes = Buffer.from(`${'h'.repeat(280)}.${payload}`);
  const encoding = { dsaEncoding: 'ieee-p1363' } as const;
  const made = sign('sha256', bytes, { key: privateKey, ...encoding });
  const input = { key: createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })), ...encoding };
  const raw: Contender = { name: 'node:crypto verify alone', run: () => verify('sha256', bytes, input, made) };
  const [alone, whole] = await compare('verify one tool, ES256', [raw, first, again]);
  if (alone === undefined || whole === undefined) return;
  say(`ratio ${ratio(whole, alone).toFixed(2)} for one that is new (target: at most 1.3)`);
}

async function benchPublish(): Promise<void> {
  const names = Array.from({ length: TOOLS }, (_one, at) => `tool_${at}`);
  const policy = { version: '1.0.0', permissions: ['file:read', 'audit:log'] };
  const tools = defineTools(Object.fromEntries(names.map((name) => [name, policy])));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = await importSignKey({ ...privateKey.export({ format: 'jwk' }), alg: 'ES256' });
  const signer = { current: () => Promise.resolve(key) };
  const { hooks } = publishTools({ tools, signer, resource: SERVER, versions: memoryVersions() });
  const ctx = fakeContext({ body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } });
  await ctx.request.rpc();
  const served = names.map((name) => {
    const { _meta: _stated, ...tool } = toolOf(name);
    return tool;
  });
  const text = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools: served } });
  const read = (): OutgoingMessage => JSON.parse(text) as OutgoingMessage;
  const [alone, ours] = await compare(`list ${TOOLS} tools, ${text.length} characters`, [
    { name: 'read and written, as they are', run: () => JSON.stringify(read()) },
    {
      name: 'read, published and written',
      run: async () => JSON.stringify(await hooks?.message?.(ctx, read())),
    },
  ]);
  if (alone === undefined || ours === undefined) return;
  say(`published in ${(ours.cpu.median / 1000).toFixed(2)} ms of CPU, warm (target: at most 2 ms)`);
}

async function signedTool(name: string, terms: SigningTerms): Promise<WireTool> {
  const tool = toolOf(name);
  const signature = await signDefinition(tool, terms);
  return { ...tool, _meta: { ...(tool['_meta'] as object), [SIGNATURES]: [signature] } };
}

/** About a kilobyte, as servers describe their tools. */
function toolOf(name: string): WireTool {
  return {
    name,
    title: 'Read a file',
    description: 'Reads one file of the project and returns its text. Paths are relative to the root of the project.',
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: {
        path: { type: 'string', description: 'Where the file is', minLength: 1, maxLength: 4096 },
        encoding: { type: 'string', enum: ['utf-8', 'base64'], default: 'utf-8' },
        range: { type: 'object', properties: { from: { type: 'integer' }, to: { type: 'integer' } } },
      },
      required: ['path'],
      additionalProperties: false,
    },
    outputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    _meta: {
      [DEFINITION]: { version: '1.0.0', server: SERVER, publisher: SERVER, permissions: ['audit:log', 'file:read'] },
    },
  };
}
