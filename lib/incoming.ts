import { assertJson } from './body.js';
import { carriesMessages, hasContent, mayHideContent } from './content.js';
import type { HttpRequest } from './context.js';
import { Denial } from './denial.js';
import { assertMirrored } from './mirror.js';
import { parseJson, readMessages, type RpcMessage } from './rpc.js';

declare module './denial.js' {
  interface DenialCodes {
    content_unexpected: 400;
  }
}

/** Where the body of one request comes from. */
export interface Source {
  readonly method: string;
  readonly headers: HttpRequest['headers'];
  /** Whether somebody has read it. */
  readonly wasRead: () => boolean;
  /** What a parser made of it, if one ran. */
  readonly parsed: () => unknown;
  /** The exact bytes. */
  readonly bytes: () => Promise<Uint8Array>;
}

/** The body of one request. Bytes and messages are each read once, and not before somebody asks. */
export class Incoming {
  /** What `rpc` gave, as soon as it is there. */
  messages: readonly RpcMessage[] | undefined;
  /** The value the messages were read from. */
  parsed: unknown;
  readonly #source: Source;
  /** Whether a parser had read the body before anything here did. Only then does its result count. */
  #readBefore: boolean | undefined;
  #bytes: Promise<Uint8Array> | undefined;
  #rpc: Promise<readonly RpcMessage[]> | undefined;

  constructor(source: Source) {
    this.#source = source;
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
    this.#readBefore ??= this.#source.wasRead();
    return this.#source.bytes();
  }

  /** No check has seen such content: a handler that reads it would act on what nobody allowed. */
  async #assertEmpty(): Promise<void> {
    const { method, headers } = this.#source;
    const isHidden = mayHideContent(method, headers) && (await this.bytes()).byteLength > 0;
    if (!isHidden && !hasContent(method, headers)) return;
    throw new Denial(400, 'content_unexpected', 'A request of this method must have no content');
  }

  async #readMessages(): Promise<readonly RpcMessage[]> {
    const { method, headers } = this.#source;
    if (!carriesMessages(method)) {
      await this.#assertEmpty();
      return (this.messages = []);
    }
    assertJson(headers);
    this.#readBefore ??= this.#source.wasRead();
    const parsed = this.#readBefore ? this.#source.parsed() : undefined;
    const isParsed = parsed !== undefined && !Buffer.isBuffer(parsed);
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
