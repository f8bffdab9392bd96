import { assertJson, MAX_BODY_BYTES, readBytes, wasRead } from './body.js';
import { carriesMessages, hasContent, mayHideContent } from './content.js';
import { Denial } from './denial.js';
import type { Exchange } from './exchange.js';
import { assertMirrored } from './mirror.js';
import { parseJson, readMessages, type RpcMessage } from './rpc.js';

declare module './denial.js' {
  interface DenialCodes {
    content_unexpected: 400;
  }
}

/** The body of one request. Bytes and messages are each read once, and not before somebody asks. */
export class Incoming {
  /** What `rpc` gave, as soon as it is there. */
  messages: readonly RpcMessage[] | undefined;
  /** The value the messages were read from. */
  parsed: unknown;
  readonly #exchange: Exchange;
  /** Whether a parser had read the body before anything here did. Only then does its result count. */
  #readBefore: boolean | undefined;
  #bytes: Promise<Uint8Array> | undefined;
  #rpc: Promise<readonly RpcMessage[]> | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Whether somebody has asked for bytes or messages. */
  get asked(): boolean {
    return this.#bytes !== undefined || this.#rpc !== undefined;
  }

  bytes(): Promise<Uint8Array> {
    return (this.#bytes ??= observed(this.#readBytes()));
  }

  rpc(): Promise<readonly RpcMessage[]> {
    return (this.#rpc ??= observed(this.#readMessages()));
  }

  async #readBytes(): Promise<Uint8Array> {
    const { req, seen, options } = this.#exchange;
    this.#readBefore ??= wasRead(req);
    return readBytes(req, seen.parsedBody(), options.bodyLimit ?? MAX_BODY_BYTES);
  }

  /** No check has seen such content: a handler that reads it would act on what nobody allowed. */
  async #assertEmpty(): Promise<void> {
    const { method, headers } = this.#exchange;
    const isHidden = mayHideContent(method, headers) && (await this.bytes()).byteLength > 0;
    if (!isHidden && !hasContent(method, headers)) return;
    throw new Denial(400, 'content_unexpected', 'A request of this method must have no content');
  }

  async #readMessages(): Promise<readonly RpcMessage[]> {
    const { req, seen, method, headers } = this.#exchange;
    if (!carriesMessages(method)) {
      await this.#assertEmpty();
      return (this.messages = []);
    }
    assertJson(headers);
    const parsed = seen.parsedBody();
    this.#readBefore ??= wasRead(req);
    const isParsed = this.#readBefore && parsed !== undefined && !Buffer.isBuffer(parsed);
    this.parsed = isParsed ? parsed : parseJson(await this.bytes());
    this.messages = readMessages(this.parsed);
    assertMirrored(headers, this.messages);
    return this.messages;
  }
}

/** A check may ask and then not wait. That must not end the process, and whoever waits still sees the failure. */
function observed<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined);
  return promise;
}
