import { APPROVED_DIGEST, metaOf } from '../definitions/form.js';
import { readJson } from '../json/read.js';
import { keyThumbprint } from '../keys/thumbprint.js';
import { callback, object, optional, readOptions } from '../options.js';
import { headersOf, readRequest, urlOf } from '../outgoingRequest.js';
import { isObject } from '../rpc.js';
import { isToolName } from '../tools/toolName.js';
import { canonicalResource, secureUrl } from '../url.js';
import { originOf, type CallStack } from './callStack.js';
import { callDenial } from './denials.js';
import { assertMayCall, signChain } from './extend.js';
import { CALL_CHAIN } from './hop.js';
import { nameOf } from './names.js';
import { callReport, reportingDenial } from './report.js';

/** Options of `chainFetch`. */
export interface ChainFetchOptions {
  /** The call that makes others: `contextOf(extra, 'callStack').state.callStack`, or what `startCallStack` returned. */
  readonly callStack: CallStack;
  /** The URL of the MCP endpoint whose tools are called. */
  readonly resource: string;
  /**
   * Sends the request, after nothing else changes what is said in it: `signingFetch({ ... })` where the other server
   * asks for signatures. Default: the system's `fetch`.
   */
  readonly fetch?: typeof fetch;
  /**
   * The RFC 7638 thumbprint of the key with which the other server signs hops: nobody else can then continue the chain,
   * and the other server not with a newer key. Default: any key that it is trusted with.
   */
  readonly calleeKey?: string;
}

type Message = Readonly<Record<string, unknown>>;

/**
 * A `fetch` for calling tools of another MCP server on behalf of a call: it adds the call chain to each `tools/call`.
 *
 * Give it to an official MCP client as the `fetch` option of its transport. Every attempt gets a hop of its own. What
 * the own policy forbids is denied before anything is sent. It sets no `Authorization`: the client brings a token that
 * was made for the other server, and a request with the credentials of this one is denied. A redirect is not followed.
 * @throws {TypeError} when an option is not what it must be; later, for a body that is a stream, more than one call in a
 *   request, and arguments that have no canonical form (RFC 8785)
 * @throws {Denial} later, 403: `call_ended`, `callee_blocked`, `callee_denied`, `call_depth_exceeded`, `call_circular`,
 *   `fanout_exceeded`, `chain_stale`, `chain_broken`, `token_forwarded`
 * @throws {Unavailable} later, when the signer or the count of calls is out of reach
 */
export function chainFetch(options: ChainFetchOptions): typeof fetch {
  const given = readOptions<ChainFetchOptions>('chainFetch', options, {
    callStack: object,
    resource: secureUrl,
    fetch: optional(callback),
    calleeKey: optional(keyThumbprint),
  });
  const { callStack, calleeKey, fetch: send = fetch } = given;
  const { party, credentials, trace } = originOf('chainFetch', callStack);
  if (party.signer === undefined) {
    throw new TypeError('chainFetch: nothing signs hops here: pass identity: { resource, signer } to callStackGuard');
  }
  const resource = canonicalResource(given.resource);
  const endpoint = resource.replace(/\?.*$/s, '');

  const forwarding = callReport('chainFetch', callStack, { tool: resource, arguments: undefined });
  const assertKept = (texts: readonly string[]): Promise<void> =>
    reportingDenial('chainFetch', forwarding, () => {
      assertNotForwarded(credentials, texts);
    });

  const chained = async (message: unknown): Promise<unknown> => {
    if (!isToolCall(message)) return message;
    const { params } = message;
    const { name: tool, arguments: args, _meta, ...others } = params;
    if (!isToolName(tool)) throw new TypeError('chainFetch: a call names no tool');
    const frame = { resource, tool };
    const rules = resource === party.resource ? party.rules.get(tool) : undefined;
    const digest = metaOf(params)?.[APPROVED_DIGEST];
    const toolDigest = typeof digest === 'string' ? digest : undefined;
    const report = callReport('chainFetch', callStack, { tool: nameOf(frame), arguments: args });
    const chain = await reportingDenial('chainFetch', report, async () => {
      await assertMayCall('chainFetch', callStack, { frame, rules });
      return signChain(callStack, { callee: frame, arguments: args, calleeKey, toolDigest });
    });
    report('sent');
    const meta = { ...(isObject(_meta) ? _meta : {}), [CALL_CHAIN]: chain };
    return {
      ...message,
      params: { name: tool, ...(args === undefined ? {} : { arguments: args }), ...others, _meta: meta },
    };
  };

  const withChain = async (text: string): Promise<string> => {
    const body = readJson(text);
    const messages: readonly unknown[] = Array.isArray(body) ? body : [body];
    const calls = messages.filter(isToolCall).length;
    if (calls === 0) return text;
    if (calls > 1) throw new TypeError('chainFetch: a chain is for one call: send each in a request of its own');
    const sent = await Promise.all(messages.map(chained));
    return JSON.stringify(Array.isArray(body) ? sent : sent[0]);
  };

  return async (input, init) => {
    const url = urlOf(input);
    if (canonicalResource(`${url.origin}${url.pathname}`) !== endpoint) {
      // Not what stands in its body: whoever exchanges the token for another one sends it to the authorization server.
      await assertKept([...textsOf(url), ...headersOf(input, init).values()]);
      return send(input, init);
    }
    const { method, headers, body, rest } = await readRequest('chainFetch', input, init);
    const text = body === undefined ? undefined : Buffer.from(body).toString();
    await assertKept([...textsOf(url), text ?? '', ...headers.values()]);
    for (const [name, value] of Object.entries(trace)) if (!headers.has(name)) headers.set(name, value);
    const content = text === undefined ? undefined : await withChain(text);
    return send(url, { ...rest, method, headers, ...(content === undefined ? {} : { body: content }) });
  };
}

/** A token is for one server: with it, the next one could act here (RFC 8707 section 2, RFC 9700 section 4.9). */
function assertNotForwarded(credentials: readonly string[], texts: readonly string[]): void {
  if (credentials.some((one) => texts.some((text) => text.includes(one)))) throw callDenial('token_forwarded');
}

/** What a URL says, as it is written and as it is read. */
function textsOf({ href, searchParams }: URL): readonly string[] {
  return [href, ...searchParams.values()];
}

function isToolCall(message: unknown): message is Message & { readonly params: Message } {
  return isObject(message) && message['method'] === 'tools/call' && isObject(message['params']);
}
