// Tools as a publisher would sign them, and approvals in memory.
import type { JSONWebKeySet } from 'jose';
import { signedApprovals, type Approvals } from '../../client/tools/approvals.js';
import { toolVerifier, type ToolVerifier, type ToolVerifierOptions } from '../../client/toolVerifier.js';
import { DEFINITION, metaOf, SIGNATURES, type WireTool } from '../../lib/definitions/form.js';
import { signDefinition } from '../../lib/definitions/sign.js';
import { memoryApprovals } from '../../lib/stores/approvals.js';
import { fakeSigner, type FakeSigner } from '../../lib/testing/fakeSigner.js';

export const SERVER = 'https://mcp.example/mcp';
export const NOW = new Date('2026-11-01T12:00:00Z');
export const YEAR = 31_536_000_000;

export interface Stated {
  readonly version?: string;
  readonly permissions?: readonly string[];
  readonly server?: string;
  readonly publisher?: string;
  readonly [member: string]: unknown;
}

/** A tool that is not signed yet. */
export function plainTool(stated: Stated = {}, members: Readonly<Record<string, unknown>> = {}): WireTool {
  const { _meta, ...others } = members;
  return {
    name: 'read_file',
    title: 'Read a file',
    description: 'Reads a file of the project',
    icons: [{ src: 'https://mcp.example/icon.png' }],
    inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
    annotations: { readOnlyHint: true },
    ...others,
    _meta: {
      'com.example/note': 'any',
      ...(_meta as object | undefined),
      [DEFINITION]: { version: '1.0.0', server: SERVER, publisher: SERVER, permissions: ['file:read'], ...stated },
    },
  };
}

/** The tool with a signature, as it would be on the wire. */
export async function signed(tool: WireTool, signer: FakeSigner, now: Date = NOW): Promise<WireTool> {
  const terms = { key: await signer.current(), issuedAt: now, expiresAt: new Date(now.getTime() + YEAR) };
  const signature = await signDefinition(tool, terms);
  return { ...tool, _meta: { ...metaOf(tool), [SIGNATURES]: [signature] } };
}

export interface Bench {
  readonly publisher: FakeSigner;
  readonly approvals: Approvals;
  /** What the clock shows, in milliseconds since the epoch. */
  readonly clock: { time: number };
  readonly verifier: (options?: Partial<ToolVerifierOptions>) => ToolVerifier;
  /** Signs with the publisher's key. */
  readonly sign: (stated?: Stated, members?: Readonly<Record<string, unknown>>) => Promise<WireTool>;
}

export const owned = (owner: string, jwks: JSONWebKeySet): { owner: string; jwks: JSONWebKeySet } => ({ owner, jwks });

export async function bench(): Promise<Bench> {
  const [publisher, approver] = [await fakeSigner(), await fakeSigner()];
  const clock = { time: NOW.getTime() };
  const now = (): Date => new Date(clock.time);
  const approvals = signedApprovals({ store: memoryApprovals(), signer: approver, keys: approver.jwks, now });
  return {
    publisher,
    clock,
    approvals,
    verifier: (options = {}) =>
      toolVerifier({ server: SERVER, publishers: [owned(SERVER, publisher.jwks)], approvals, now, ...options }),
    sign: (stated, members) => signed(plainTool(stated, members), publisher),
  };
}
