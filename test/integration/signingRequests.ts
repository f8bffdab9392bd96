// Signed requests with exactly one thing wrong, and a server that says what it made of them.
import { createHash, randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import type { SigningKey } from '../../lib/keys/signer.js';
import { coverageOf } from '../../lib/signatures/coverage.js';
import { originOf, targetOf } from '../../lib/signatures/message.js';
import { requiredComponents } from '../../lib/signatures/profile.js';
import { signMessage } from '../../lib/signatures/sign.js';
import { contextOf, verifySignature, type AnyMiddleware, type VerifySignatureOptions } from '../../lib/index.js';
import type { FakeSigner } from '../../lib/testing.js';
import { frameworks } from '../support/frameworks.js';

export const resource = 'https://mcp.example.com/mcp';
export const owner = 'https://agent.example.com';
export const call = (name = 'read'): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } });
export const digestOf = (body: string | Uint8Array, algorithm: 'sha-256' | 'sha-512' = 'sha-256'): string =>
  `${algorithm}=:${createHash(algorithm.replace('-', '')).update(body).digest('base64')}:`;

/** Names and values. A name that comes twice is sent twice. */
export type Lines = readonly (readonly [name: string, value: string])[];

export interface Draft {
  readonly method?: string;
  /** The request target that is signed for. */
  readonly target?: string;
  readonly body?: string | Uint8Array;
  /** In place of those of a JSON body. */
  readonly headers?: Lines;
  /** What is covered. Default: what the profile asks for. */
  readonly components?: readonly string[];
  /** Parameters that replace others; an undefined one is left out. */
  readonly parameters?: Readonly<Record<string, string | number | undefined>>;
  readonly label?: string;
}

/** The lines of a request that this key signs as it is told, whether it should or not. */
export async function draft(key: SigningKey, given: Draft): Promise<Lines> {
  const { method = 'POST', target = '/mcp', body, label } = given;
  const content: Lines = [
    ['content-type', 'application/json'],
    ['content-digest', digestOf(body ?? '')],
  ];
  const lines = given.headers ?? (body === undefined ? [] : content);
  const headers: Record<string, string[]> = {};
  for (const [name, value] of lines) (headers[name.toLowerCase()] ??= []).push(value);
  const created = Math.floor(Date.now() / 1000);
  const parameters: Readonly<Record<string, string | number | undefined>> = {
    created,
    expires: created + 60,
    nonce: randomUUID(),
    keyid: key.keyId,
    tag: 'mcp-etdi',
    ...given.parameters,
  };
  const fields = await signMessage(
    { method, target: targetOf(originOf(resource), target), headers },
    {
      coverage: coverageOf(given.components ?? requiredComponents(method, headers)),
      parameters: Object.fromEntries(
        Object.entries(parameters).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      ),
      key,
      label,
    },
  );
  return [...lines, ['signature-input', fields['signature-input']], ['signature', fields.signature]];
}

/** A server that answers who signed, and remembers why it denied. */
export interface Judge {
  readonly listener: RequestListener;
  readonly reasons: unknown[];
}

/** `verifySignature` in a framework, over keys of one signer. */
export function judge(framework: string, signer: FakeSigner, options: Partial<VerifySignatureOptions> = {}): Judge {
  const reasons: unknown[] = [];
  const watch: AnyMiddleware = {
    name: 'watch',
    needs: [],
    adds: [],
    run: () => ({}),
    hooks: {
      decided: (_ctx, decision) => {
        if (decision.effect === 'deny') reasons.push(decision.detail?.['reason'] ?? decision.code);
      },
    },
  };
  const check = verifySignature({ keys: [{ owner, jwks: signer.jwks }], resource, mode: 'all', ...options });
  const listener = frameworks[framework]!([[watch, check]], (req, res) => {
    res.end(JSON.stringify(contextOf(req).state.signature ?? null));
  });
  return { listener, reasons };
}
