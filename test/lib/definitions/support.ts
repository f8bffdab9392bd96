import { DEFINITION, SIGNATURES, type Definition, type WireTool } from '../../../lib/definitions/form.js';
import type { SigningTerms } from '../../../lib/definitions/jws.js';
import { signDefinition } from '../../../lib/definitions/sign.js';
import { openTrust, type Trust } from '../../../lib/keys/trust.js';
import { fakeSigner, type FakeSigner } from '../../../lib/testing.js';

export const SERVER = 'https://mcp.example/mcp';
export const NOW = new Date('2026-11-22T12:00:00Z');
const DAY_MS = 86_400_000;

/** A time so many seconds after, or before, `NOW`. */
export function at(seconds: number): Date {
  return new Date(NOW.getTime() + seconds * 1000);
}

/** A publisher, its key, and the trust in it. */
export interface Publishing {
  readonly signer: FakeSigner;
  readonly find: Trust['find'];
  readonly terms: SigningTerms;
}

export async function publishing(owner = SERVER, algorithm = 'ES256'): Promise<Publishing> {
  const signer = await fakeSigner(algorithm);
  const key = await signer.current();
  return {
    signer,
    find: trustIn([[owner, signer]]),
    terms: { key, issuedAt: NOW, expiresAt: new Date(NOW.getTime() + DAY_MS) },
  };
}

export function trustIn(peers: readonly (readonly [owner: string, signer: FakeSigner])[]): Trust['find'] {
  const list = peers.map(([owner, { jwks }]) => ({ owner, jwks }));
  return openTrust('test', list, { option: 'publishers', purpose: 'definition', fetch, now: () => NOW }).find;
}

export function definition(changes: Partial<Definition> = {}): Definition {
  return { version: '1.2.0', server: SERVER, publisher: SERVER, permissions: ['file:read'], ...changes };
}

/** A tool with every kind of member, as it is before it is signed. */
export function sampleTool(stated: unknown = definition()): WireTool {
  return {
    name: 'secure_file_read',
    title: 'Read a file',
    description: 'Reads one file and returns its text.',
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: { path: { type: 'string', description: 'Where the file is', maxLength: 4096 } },
      required: ['path'],
    },
    outputSchema: { type: 'object', properties: { text: { type: 'string' } } },
    annotations: { readOnlyHint: true, destructiveHint: false },
    icons: [{ src: 'https://mcp.example/icon.svg', mimeType: 'image/svg+xml' }],
    futureMember: { kept: [1, 2.5, null, true] },
    _meta: { 'com.example/team': 'storage', [DEFINITION]: stated },
  };
}

export async function signed(tool: WireTool, { terms }: Publishing): Promise<WireTool> {
  return withSignatures(tool, [await signDefinition(tool, terms)]);
}

export function withSignatures(tool: WireTool, signatures: unknown): WireTool {
  return { ...tool, _meta: { ...(tool['_meta'] as object), [SIGNATURES]: signatures } };
}

/** The same JSON with the members of every object in the opposite order, and other white space. */
export function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, one]) => [name, reordered(one)]),
  );
}
