import { hash } from 'node:crypto';
import { canonicalize } from '../json/canonical.js';
import { isObject } from '../rpc.js';

/** The member of a tool's `_meta` that states its version, its publisher and what it needs. */
export const DEFINITION = 'io.github.mcp-etdi/definition';
/** The member of a tool's `_meta` that holds its signatures: the only part of a tool that they do not cover. */
export const SIGNATURES = 'io.github.mcp-etdi/signatures';
/** The member of a result's `_meta` that holds the signed list of all tools. */
export const MANIFEST = 'io.github.mcp-etdi/manifest';
/** The member of a call's `_meta` in which a client states the digest it approved. */
export const APPROVED_DIGEST = 'io.github.mcp-etdi/digest';

/**
 * The form in which a server describes its tools: `modern` since MCP 2026-07-28, `legacy` before. A server may offer
 * both, and they differ, so each has digests of its own.
 */
export type WireForm = 'legacy' | 'modern';

/** A tool as it stands in the result of `tools/list`, every member of it. */
export type WireTool = Readonly<Record<string, unknown>>;

/** What a publisher states about a tool beside its MCP members. Further members are covered like all else. */
export interface Definition {
  /** A version such as `1.2.0` (SemVer). */
  readonly version: string;
  /** The canonical resource URI (RFC 8707) of the server that offers the tool. */
  readonly server: string;
  /** Who vouches for the tool: the `owner` of the key that signs. */
  readonly publisher: string;
  readonly permissions: readonly string[];
  /** Whether a call must be signed. */
  readonly requireSignature?: boolean;
  /** What runs behind the tool, as its publisher names it: `sha256:` and a digest in lower-case hex. */
  readonly codeDigest?: string;
  /** Who may call the tool, and whom it may call. */
  readonly callStack?: CallStackRules;
}

/** The rules of a tool about call stacks. A list that is not there allows all, one that is empty allows none. */
export interface CallStackRules {
  readonly maxDepth?: number;
  readonly allowedCallers?: readonly string[];
  readonly blockedCallers?: readonly string[];
  readonly allowedCallees?: readonly string[];
  readonly blockedCallees?: readonly string[];
}

/** One tool in the list of all tools. Its name is not told, so that nobody learns of a tool that is hidden from them. */
export interface Manifest {
  /** The canonical resource URI (RFC 8707) of the server. */
  readonly server: string;
  readonly publisher: string;
  /** Counts deployments: a lower one than was seen before is a rollback. */
  readonly serial: number;
  /** The digests of all tools in the form in which this client gets them, in ascending order. */
  readonly tools: readonly string[];
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const VERSION = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;

/** Whether a value is `sha256:` and a digest in lower-case hex. */
export function isDigest(value: unknown): value is string {
  return typeof value === 'string' && DIGEST.test(value);
}

/** Whether a value is a version such as `1.2.0` (SemVer). */
export function isVersion(value: unknown): value is string {
  return typeof value === 'string' && VERSION.test(value);
}

/**
 * What is signed, hashed, pinned and approved: the canonical form (RFC 8785) of the whole tool, without its signatures.
 * @throws {JsonError} for a tool that has no canonical form
 */
export function definitionOf(tool: WireTool): string {
  return canonicalize(withoutSignatures(tool));
}

/**
 * `sha256:` and the SHA-256 of the very bytes that are signed, in lower-case hex. Signing again does not change it.
 * @throws {JsonError} for a tool that has no canonical form
 */
export function digestOfTool(tool: WireTool): string {
  return digestOfDefinition(definitionOf(tool));
}

/** The digest of a tool by what `definitionOf` gave for it, or by that in UTF-8. */
export function digestOfDefinition(definition: string | Buffer): string {
  return `sha256:${hash('sha256', definition, 'hex')}`;
}

/** What a tool states about itself, or nothing when it states none or not all of it. Proven only by a signature. */
export function statedBy(tool: WireTool): Definition | undefined {
  const stated = metaOf(tool)?.[DEFINITION];
  return isDefinition(stated) ? stated : undefined;
}

/** The `_meta` of a tool, a result or the parameters of a call, if it has one. */
export function metaOf(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const meta = Object.hasOwn(value, '_meta') ? value['_meta'] : undefined;
  return isObject(meta) ? meta : undefined;
}

/**
 * The form of a result. Told from the result and not from the request: what a client claims to speak must not decide
 * which digest its tools are compared with.
 */
export function formOfResult(result: Readonly<Record<string, unknown>>): WireForm {
  return Object.hasOwn(result, 'resultType') ? 'modern' : 'legacy';
}

function withoutSignatures(tool: WireTool): WireTool {
  const meta = metaOf(tool);
  if (meta === undefined || !Object.hasOwn(meta, SIGNATURES)) return tool;
  const { [SIGNATURES]: _signatures, ...others } = meta;
  return { ...tool, _meta: others };
}

function isDefinition(value: unknown): value is Definition {
  if (!isObject(value)) return false;
  const { version, server, publisher, permissions, requireSignature, codeDigest, callStack } = value;
  return (
    isVersion(version) &&
    isName(server) &&
    isName(publisher) &&
    Array.isArray(permissions) &&
    permissions.every(isName) &&
    (requireSignature === undefined || typeof requireSignature === 'boolean') &&
    (codeDigest === undefined || isDigest(codeDigest)) &&
    (callStack === undefined || isObject(callStack))
  );
}

/** Whether a value is a manifest. Further members are covered by its signature like all else. */
export function isManifest(value: unknown): value is Manifest {
  if (!isObject(value)) return false;
  const { server, publisher, serial, tools } = value;
  return (
    isName(server) &&
    isName(publisher) &&
    Number.isSafeInteger(serial) &&
    (serial as number) >= 0 &&
    Array.isArray(tools) &&
    tools.every(isDigest)
  );
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
