import type { ToolListener } from '../lib/definitions/events.js';
import { APPROVED_DIGEST, metaOf } from '../lib/definitions/form.js';
import { mayHoldToolList, toolListOf } from '../lib/definitions/listing.js';
import { Publisher } from '../lib/definitions/publisher.js';
import type { ToolSource } from '../lib/definitions/source.js';
import { fileVersions } from '../lib/definitions/versionFile.js';
import type { VersionStore } from '../lib/definitions/versions.js';
import { Denial } from '../lib/denial.js';
import { signerFor, type Signer } from '../lib/keys/signer.js';
import type { Middleware } from '../lib/middleware.js';
import { callback, integer, object, optional, readOptions, text, type Check } from '../lib/options.js';
import type { RpcMessage, RpcNotification, RpcRequest } from '../lib/rpc.js';
import { definedTools, type Tools } from '../lib/tools/defineTools.js';
import { undefinedDenial } from '../lib/tools/judge.js';
import { canonicalResource, secureUrl } from '../lib/url.js';
import type {} from './authorizeScopes.js';

declare module '../lib/denial.js' {
  interface DenialCodes {
    definition_changed: 403;
  }
}

export interface PublishToolsOptions {
  /** What `defineTools` returned. Every tool needs a `version`. */
  readonly tools: Tools;
  /** Signs with the key that is active at the time: `keyStore.signer('definition')`, or `externalSigner(...)`. */
  readonly signer: Signer;
  /** The public URL of the MCP endpoint (RFC 8707). */
  readonly resource: string;
  /** Who vouches for the tools: what clients list as the `owner` of the signing key. Default: `resource`. */
  readonly publisher?: string;
  /** Remembers what each version stands for. Default: `fileVersions('mcp-tools.lock.json')`. */
  readonly versions?: VersionStore;
  /**
   * Gives the tools as they are served now, before the first of them is called: `servedTools(createServer)`. Default:
   * they are known from lists that pass, and until then from what `versions` remembers.
   */
  readonly source?: ToolSource;
  /** Counts deployments, such as the number of a build: whoever saw a higher one knows of a rollback. Default: 0. */
  readonly serial?: number;
  /** For how many seconds a signature holds. It is made again when half of that is over. Default: a day. */
  readonly lifetime?: number;
  /**
   * Sees what is noticed about tools. What it throws becomes a process warning. Default, and beside one that only
   * records, such as `trail.onToolEvent`: faults become warnings.
   */
  readonly onEvent?: ToolListener;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

type Call = RpcRequest | RpcNotification;

const DAY = 86_400;
const store: Check = (value) =>
  object(value) === undefined && typeof (value as Partial<VersionStore>).pin === 'function'
    ? undefined
    : 'must be a store with a function `pin`, such as fileVersions()';

/**
 * Requires that a tool that is called still is what its version stands for, and signs the tools that clients list.
 *
 * Every answer to `tools/list` carries a definition and a detached JWS (RFC 7515 appendix F) in the `_meta` of each
 * tool, and a signed list of all of them. Clients that know nothing of it see their tools as before. A tool that is not
 * defined, one that changed without a new version, and one that `access` says no to, is left out.
 *
 * @throws {Denial} 403 `definition_changed`, `tool_undefined`; and what reading the body throws
 * @throws {Unavailable} when `versions`, `source` or `signer` is down
 * @throws {TypeError} when an option is not what it must be, or a tool has no version
 */
export function publishTools(options: PublishToolsOptions): Middleware {
  const given = readOptions<PublishToolsOptions>('publishTools', options, {
    tools: definedTools,
    signer: signerFor('definition'),
    resource: secureUrl,
    publisher: optional(text),
    versions: optional(store),
    source: optional(callback),
    serial: optional(integer(0)),
    lifetime: optional(integer(60)),
    onEvent: optional(callback),
    now: optional(callback),
  });
  assertVersions(given.tools);
  const { versions = fileVersions(), source, serial = 0, lifetime = DAY, onEvent, now = () => new Date() } = given;
  const server = canonicalResource(given.resource);
  const publisher = given.publisher ?? server;
  const { signer } = given;
  const known = { tools: given.tools, signer, server, publisher, versions, source, serial, lifetime, onEvent, now };
  const publishing = new Publisher(known);
  const { ledger } = publishing;

  return {
    name: 'publishTools',
    needs: [],
    reads: ['access'],
    adds: [],
    async run(ctx) {
      const calls = callsOf(await ctx.request.rpc());
      if (calls.length === 0) return {};
      for (const { target } of calls) {
        if (given.tools.get(target.name) === undefined) throw undefinedDenial('tool');
      }
      await ledger.open();
      for (const { target, params } of calls) {
        if (!ledger.stands(target.name, metaOf(params)?.[APPROVED_DIGEST])) throw changed();
      }
      return {};
    },
    hooks: {
      seesMessages: ({ request }) => mayHoldToolList(request),
      async message(ctx, message) {
        const page = toolListOf(ctx.request, message);
        if (page === undefined) return message;
        const { access } = ctx.state;
        const shows = access && ((name: string) => access.may('tool', name) !== 'no');
        return { ...message, result: await publishing.publish(page, shows) };
      },
    },
  };
}

function callsOf(messages: readonly RpcMessage[]): readonly Call[] {
  return messages.filter((one): one is Call => one.kind !== 'response' && one.target.kind === 'tool');
}

function assertVersions(defined: Tools): void {
  const without = [...defined].filter(([, { version }]) => version === undefined).map(([name]) => name);
  if (without.length === 0) return;
  throw new TypeError(`publishTools: give each of these tools a 'version' in defineTools: ${without.join(', ')}`);
}

function changed(): Denial {
  return new Denial(403, 'definition_changed', 'The definition of the tool has changed', {
    policy: true,
    detail: { kind: 'tool' },
  });
}
