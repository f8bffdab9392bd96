import { APPROVED_DIGEST, metaOf, type WireTool } from '../lib/definitions/form.js';
import { keep } from '../lib/memo.js';
import { callback, integer, object, oneOf, optional, readOptions } from '../lib/options.js';
import { isObject } from '../lib/rpc.js';
import type { Listing } from './tools/listing.js';
import { eraOf, ReceivedTools, type ListingClient } from './tools/receivedTools.js';
import { ToolDenied, type ApprovalRequest, type ToolVerdict } from './tools/verdict.js';
import type { CheckOptions, ToolVerifier } from './toolVerifier.js';

/** The member of a tool's `_meta` that tells what was decided about it, where `unapproved` is `mark`. */
export const VERDICT = 'io.github.mcp-etdi/verdict';

/** What would call tools on a way of its own. */
const UNGUARDED: ReadonlySet<string | symbol> = new Set(['experimental', 'requestStream']);
/** More than one list can ask. A server that changes its tools each time must not fill the memory. */
const MOST_ANSWERS = 10_000;

/** A connected client of `@modelcontextprotocol/sdk` v1 or `@modelcontextprotocol/client` v2. */
export interface GuardableClient extends ListingClient {
  readonly listTools: (...args: never[]) => Promise<unknown>;
  readonly callTool: (...args: never[]) => Promise<unknown>;
}

/** That a user approved a tool, and on what terms. */
export interface Consent {
  /** Who approved. Default: `user`. */
  readonly approver?: string;
  /** Until when. Default: as the verifier says. */
  readonly expiresAt?: Date;
}

export interface GuardClientOptions {
  /** Decides about the tools of the server that the client is connected to. */
  readonly verifier: ToolVerifier;
  /** Asks the user about a tool. Default: nobody is asked, and nothing new is approved. */
  readonly approve?: (request: ApprovalRequest) => boolean | Consent | Promise<boolean | Consent>;
  /**
   * What `listTools` does with tools that must not be called: `hide`, or `mark`, which keeps them and writes the verdict
   * into `_meta["io.github.mcp-etdi/verdict"]` of every tool. Calls of them are denied in either case. Default: `hide`.
   */
  readonly unapproved?: 'hide' | 'mark';
  /** For how long listed tools are used for calls before they are listed anew, in seconds. Default: 30. */
  readonly maxAge?: number;
  /** Told of every verdict, in `listTools` and before calls. */
  readonly onVerdict?: (verdict: ToolVerdict) => void;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/**
 * A client that lists and calls only tools which are what their publisher signed and somebody approved.
 *
 * It is used in the place of the client. `listTools` gives all pages at once. `callTool` verifies before each call, and
 * states the digest of what was approved, so that a server that serves another definition denies the call. Both throw
 * what the verifier throws; a call that is denied throws `ToolDenied` and is not sent. All else is the client's own.
 * @throws {TypeError} when an option is not what it must be
 */
export function guardClient<Client extends GuardableClient>(client: Client, options: GuardClientOptions): Client {
  const given = readOptions<GuardClientOptions>('guardClient', options, {
    verifier: object,
    approve: optional(callback),
    unapproved: optional(oneOf('hide', 'mark')),
    maxAge: optional(integer(0)),
    onVerdict: optional(callback),
    now: optional(callback),
  });
  const guard = new Guard(client, given);
  const methods = new Map<string | symbol, unknown>([
    ['listTools', (params?: Members) => guard.listTools(params)],
    ['callTool', (params: Members, ...rest: readonly unknown[]) => guard.callTool(params, rest)],
    ['request', (request: Members, ...rest: readonly unknown[]) => guard.request(request, rest)],
  ]);
  return new Proxy(client, {
    get(target, name) {
      if (methods.has(name)) return methods.get(name);
      if (UNGUARDED.has(name)) {
        throw new TypeError(`guardClient: calls by '${String(name)}' are not guarded; use callTool`);
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

type Members = Readonly<Record<string, unknown>>;

interface Judged {
  readonly tool: WireTool;
  readonly verdict: ToolVerdict;
}

class Guard {
  readonly #client: GuardableClient;
  readonly #options: GuardClientOptions;
  readonly #received: ReceivedTools;
  /** Questions that were asked, so that no user is asked twice about the same thing. */
  readonly #answers = new Map<string, Promise<boolean>>();

  constructor(client: GuardableClient, options: GuardClientOptions) {
    const { maxAge = 30, now = () => new Date() } = options;
    this.#client = client;
    this.#options = options;
    this.#received = new ReceivedTools(client, maxAge * 1000, now);
  }

  async listTools(params: Members = {}): Promise<Members> {
    if (params['cursor'] !== undefined) throw new TypeError('guardClient: listTools gives all pages; pass no cursor');
    const listing = await this.#received.list();
    const judged: Judged[] = [];
    // One after the other: a user can answer one question at a time.
    for (const tool of listing.tools) judged.push({ tool, verdict: await this.#judge(tool, listing) });
    const allowed = judged.filter(({ verdict }) => verdict.outcome === 'allow').map(({ tool }) => tool);
    this.#teach(allowed);
    return { tools: this.#options.unapproved === 'mark' ? judged.map(mark) : allowed };
  }

  async callTool(params: Members, rest: readonly unknown[]): Promise<unknown> {
    const { tool, verdict } = await this.#admit(params['name']);
    return this.#forgetOnError(() => {
      const call = this.#client.callTool as (...args: readonly unknown[]) => Promise<unknown>;
      return call.call(this.#client, state(params, verdict), ...this.#withDefinition(tool, rest));
    });
  }

  async request(request: Members, rest: readonly unknown[]): Promise<unknown> {
    const { method, params } = request;
    if (method === 'tools/list') return this.listTools(isObject(params) ? params : {});
    const send = this.#client.request as (...args: readonly unknown[]) => Promise<unknown>;
    if (method !== 'tools/call') return send.call(this.#client, request, ...rest);
    const given = isObject(params) ? params : {};
    const { verdict } = await this.#admit(given['name']);
    return this.#forgetOnError(() => send.call(this.#client, { ...request, params: state(given, verdict) }, ...rest));
  }

  async #admit(name: unknown): Promise<Judged> {
    const listing = await this.#received.fresh();
    const tool = listing.tools.find((one) => one['name'] === name);
    const verdict = await this.#judge(tool ?? { name }, listing);
    if (tool === undefined || verdict.outcome !== 'allow') throw new ToolDenied(verdict);
    return { tool, verdict };
  }

  async #judge(tool: WireTool, listing: Listing): Promise<ToolVerdict> {
    const verdict = await this.#verdictOf(tool, listing);
    this.#options.onVerdict?.(verdict);
    return verdict;
  }

  async #verdictOf(tool: WireTool, listing: Listing): Promise<ToolVerdict> {
    const { verifier } = this.#options;
    const { tools, duplicates } = listing;
    if (duplicates.has(tool['name'])) return denied(verifier.server, tool, listing, 'name_duplicate');
    if (!tools.includes(tool)) return denied(verifier.server, tool, listing, 'tool_unknown');
    const verdict = await verifier.check(tool, withList(tool, listing));
    if (verdict.outcome !== 'ask' || !(await this.#ask(tool, listing, verdict))) return verdict;
    return verifier.check(tool, withList(tool, listing));
  }

  #ask(tool: WireTool, listing: Listing, verdict: ToolVerdict): Promise<boolean> {
    const key = `${verdict.reason} ${verdict.form} ${verdict.digest ?? ''}`;
    const asked = this.#answers.get(key);
    if (asked !== undefined) return asked;
    const answer = this.#consent(tool, listing, verdict);
    keep(this.#answers, MOST_ANSWERS, key, answer);
    // A yes is in the approvals from now on: when they lose it, the user is asked again. So is one who gave no answer.
    const forget = (): unknown => this.#answers.delete(key);
    answer.then((yes) => yes && forget(), forget);
    return answer;
  }

  async #consent(tool: WireTool, listing: Listing, verdict: ToolVerdict): Promise<boolean> {
    const { approve, verifier } = this.#options;
    const consent = (await approve?.(Object.freeze({ ...verdict, definition: tool }))) ?? false;
    if (consent === false) return false;
    await verifier.approve(tool, { ...withList(tool, listing), ...(consent === true ? {} : consent) });
    return true;
  }

  /** The server may have changed its mind about what the tool is. */
  async #forgetOnError<Value>(call: () => Promise<Value>): Promise<Value> {
    try {
      return await call();
    } catch (error) {
      this.#received.forget();
      throw error;
    }
  }

  /** Clients of the second line check results against the definition that they are given. */
  #withDefinition(tool: WireTool, rest: readonly unknown[]): readonly unknown[] {
    if (eraOf(this.#client) === undefined) return rest;
    const [options, ...others] = rest;
    return [{ ...(isObject(options) ? options : {}), toolDefinition: tool }, ...others];
  }

  /** Those of the first line check results against what their own `listTools` saw. */
  #teach(tools: readonly WireTool[]): void {
    const { cacheToolMetadata } = this.#client as { cacheToolMetadata?: unknown };
    if (typeof cacheToolMetadata === 'function') cacheToolMetadata.call(this.#client, tools);
  }
}

/** What came with a tool, and is proven together with it. */
function withList(tool: WireTool, { form, keyRotations, manifests }: Listing): CheckOptions {
  return { form, keyRotations, manifest: manifests.get(tool) ?? null };
}

function denied(
  server: string,
  tool: WireTool,
  { form }: Listing,
  reason: 'name_duplicate' | 'tool_unknown',
): ToolVerdict {
  const name = typeof tool['name'] === 'string' ? tool['name'] : '';
  return Object.freeze({ outcome: 'deny', reason, tool: name, server, form, permissions: [], diff: [] });
}

/** States what was approved, so that a server that means another definition denies the call. */
function state(params: Members, { digest }: ToolVerdict): Members {
  return { ...params, _meta: { ...metaOf(params), [APPROVED_DIGEST]: digest } };
}

function mark({ tool, verdict }: Judged): WireTool {
  const { outcome, reason, diff } = verdict;
  return { ...tool, _meta: { ...metaOf(tool), [VERDICT]: { outcome, reason, diff } } };
}
