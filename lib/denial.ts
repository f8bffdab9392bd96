import type { Detail } from './decision.js';

/** Each code a middleware can deny with, and its HTTP status. Declared beside the code that throws it. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- merged into by every middleware
export interface DenialCodes {}

/** A stable name for one reason to deny. */
export type DenialCode = keyof DenialCodes;

export interface DenialOptions {
  /** Response headers, such as a challenge. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The JSON-RPC error number where a standard fixes one. Default: the HTTP status. */
  readonly rpcCode?: number;
  /** Whether no other token, proof or signature of the same caller would help. Default: false. */
  readonly policy?: boolean;
  /** Facts for the audit record. Never sent. */
  readonly detail?: Detail;
  /** The underlying failure. Recorded, never sent. */
  readonly cause?: unknown;
}

/**
 * A request was denied: the only error a middleware throws on purpose.
 *
 * `message` goes to the client, so it is a constant sentence. The members follow the
 * `http-errors` convention, so that Express and Koa render it even where no adapter is involved.
 */
export class Denial<Code extends DenialCode = DenialCode> extends Error {
  override readonly name = 'Denial';
  readonly expose = true;
  readonly status: DenialCodes[Code];
  readonly code: Code;
  readonly headers: Readonly<Record<string, string>>;
  readonly rpcCode: number | undefined;
  readonly policy: boolean;
  readonly detail: Detail | undefined;

  constructor(status: DenialCodes[Code], code: Code, message: string, options: DenialOptions = {}) {
    super(message, { cause: options.cause });
    this.status = status;
    this.code = code;
    this.headers = options.headers ?? {};
    this.rpcCode = options.rpcCode;
    this.policy = options.policy ?? false;
    this.detail = options.detail;
  }
}

export interface UnavailableOptions {
  /** Seconds after which a client may try again. Default: 5. */
  readonly retryAfter?: number;
  /** The underlying failure. Recorded, never sent. */
  readonly cause?: unknown;
}

/**
 * Something a check depends on is down: a key set, a store, an authorization server.
 * Answered with 503 and `Retry-After` (RFC 9110 section 10.2.3), never with 401: the caller did nothing wrong.
 */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
  readonly expose = true;
  readonly status = 503;
  readonly code = 'unavailable';
  readonly headers: Readonly<Record<string, string>>;
  /** What is down, for the record: the same constant text. */
  readonly detail: Detail;

  constructor(message: string, options: UnavailableOptions = {}) {
    super(message, { cause: options.cause });
    this.headers = { 'Retry-After': String(options.retryAfter ?? 5) };
    this.detail = { reason: message };
  }
}

/** Whether a thrown value is a denial. Unlike `instanceof` it keeps the type of `code` and `status`. */
export function isDenial(error: unknown): error is Denial {
  return error instanceof Denial;
}
