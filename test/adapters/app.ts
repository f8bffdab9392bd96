// What the contract suite mounts, said without naming a framework, and how a framework builds it.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Endpoint } from '../../lib/endpoint.js';
import type { AnyMiddleware } from '../../lib/middleware.js';
import type { AdapterOptions } from '../../lib/mount.js';

/** What a handler has at hand, whatever framework calls it. */
export interface Io {
  /** An Express request or a Koa context. */
  readonly source: object;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** The parsed body, where handlers of this framework look for it. */
  readonly body: unknown;
  /** The path that the framework shows the handler. */
  readonly path: string;
  /** Answers by the means of the framework. */
  readonly json: (value: unknown, status?: number) => void;
  readonly text: (value: string, type: string) => void;
  readonly pipe: (stream: Readable, type: string) => void;
  /** Takes the response away from the framework. */
  readonly take: () => ServerResponse;
}

export type Mount = readonly (AdapterOptions | AnyMiddleware)[];

/** A body parser that is mounted in front. Plain `json` keeps no bytes, `raw` parses nothing. */
export type Parser = 'json' | 'json with rawBody' | 'raw' | 'of other types';

export interface App {
  /** Each is mounted by itself, in this order. */
  readonly mounts: readonly Mount[];
  /** Default: answers `{ "ok": true }`. */
  readonly handler?: (io: Io) => void | Promise<void>;
  readonly parser?: Parser;
  /** Mounts a body parser behind the chains. */
  readonly parserBehind?: boolean;
  /** The path under which everything is mounted. */
  readonly prefix?: string;
  /** Runs before the first mount. */
  readonly outside?: (req: IncomingMessage, res: ServerResponse) => void;
  /** Runs between each mount and the next. */
  readonly between?: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  /** Runs after the last mount and before the handler. */
  readonly inside?: (req: IncomingMessage, res: ServerResponse) => void;
}

/** What a framework must offer the suite. */
export interface Framework {
  readonly build: (app: App) => RequestListener;
  /** Serves endpoints, and answers 404 with the text `next` to what they leave. */
  readonly serve: (...endpoints: readonly Endpoint[]) => RequestListener;
  /** Whether it has parsers that keep bytes. */
  readonly keepsBytes: boolean;
}

export const answerOk = ({ json }: Io): void => {
  json({ ok: true });
};
