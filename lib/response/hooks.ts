import type { ServerResponse } from 'node:http';
import type { Exchange } from '../exchange.js';
import { inTurn } from '../promise.js';
import type { Reply } from '../reply.js';
import { reportError } from '../report.js';
import { isObject, type OutgoingMessage } from '../rpc.js';
import { isIdentity, withNoStore } from './head.js';
import { rewriteParsed } from './rewrite.js';

/** Asks the hooks of an exchange about its response, and remembers whose turn it is, so that a failure has a name. */
export class ResponseHooks {
  readonly #exchange: Exchange;
  #acting = 'response';
  #since = 0;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Whether a hook has to see the messages of the body. */
  seeMessages(): boolean {
    return this.#exchange.hooks.seesMessages.some((hook) => {
      this.#begin(hook.name);
      return hook.call(this.#exchange);
    });
  }

  /** Sets the headers of the `headers` hooks, then asks the `head` hooks. */
  askHead(res: ServerResponse, readsBody: boolean): Promise<void> | undefined {
    for (const hook of this.#exchange.hooks.headers) {
      this.#begin(hook.name);
      setAll(res, hook.call(this.#exchange));
    }
    this.#begin('response');
    if (readsBody && !isIdentity(res)) {
      throw new TypeError('messages cannot be rewritten once compressed: mount compression before toExpress or toKoa');
    }
    return inTurn(this.#exchange.hooks.head, (hook) => {
      this.#begin(hook.name);
      return hook.call(this.#exchange, res.statusCode, res.getHeaders());
    });
  }

  /** For an answer that is itself about a failure: a hook that fails is left out. */
  trySetHeaders(res: ServerResponse): void {
    for (const hook of this.#exchange.hooks.headers) {
      try {
        setAll(res, hook.call(this.#exchange));
      } catch (error) {
        reportError(error, this.#exchange.id);
      }
    }
  }

  /** The earliest time that an `until` hook names, in milliseconds since the epoch. */
  endOfStream(): number {
    const times = this.#exchange.hooks.until.map((hook) => {
      this.#begin(hook.name);
      return hook.call(this.#exchange)?.getTime() ?? Infinity;
    });
    return Math.min(...times);
  }

  /** The new text of a JSON body, or nothing when it stays as it is. What cannot be read cannot be checked, and fails. */
  rewriteBody(text: string): Promise<string | undefined> {
    this.#begin('response');
    return rewriteParsed(parseBody(text), (message) => this.rewriteMessage(message));
  }

  async rewriteMessage(message: OutgoingMessage): Promise<OutgoingMessage> {
    let current = message;
    for (const hook of this.#exchange.hooks.message) {
      this.#begin(hook.name);
      current = await hook.call(this.#exchange, current);
      if (!isObject(current)) throw new TypeError(`${hook.name}: its hook 'message' must return a message`);
    }
    return current;
  }

  /** Records a failure, and makes the answer to it. */
  refuse(error: unknown): Reply {
    return this.#exchange.refuse(this.#acting, this.#since, error);
  }

  #begin(name: string): void {
    this.#acting = name;
    this.#since = performance.now();
  }
}

function setAll(res: ServerResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    const isNoStore = value === 'no-store' && name.toLowerCase() === 'cache-control';
    res.setHeader(name, isNoStore ? withNoStore(res.getHeader(name)) : value);
  }
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TypeError('a response that says it is JSON is not, so its messages cannot be read');
  }
}
