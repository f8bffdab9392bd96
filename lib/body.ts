import type { IncomingMessage } from 'node:http';
import { Denial } from './denial.js';
import { single } from './headers.js';

declare module './denial.js' {
  interface DenialCodes {
    body_incomplete: 400;
    body_too_large: 413;
    encoding_unsupported: 415;
    media_type_unsupported: 415;
  }
}

type Headers = Readonly<Record<string, readonly string[] | undefined>>;

/** The largest body that is read, in bytes: the limit of the MCP SDK. */
export const MAX_BODY_BYTES: number = 4 * 1024 * 1024;

const MEDIA_TYPE = /^application\/json[ \t]*(?:;|$)/i;
const CHARSET = /;[ \t]*charset=(?!"?utf-8"?[ \t]*(?:;|$))/i;

/**
 * The exact bytes of a request, read at most once and up to `limit`.
 *
 * Where a parser ran first, its `rawBody` (or a Buffer that `express.raw()` left in `req.body`) is taken instead.
 * @throws {Denial} 413 `body_too_large`, 415 `encoding_unsupported`, 400 `body_incomplete`
 * @throws {TypeError} when a body parser consumed the bytes and kept none
 */
export async function readBytes(req: IncomingMessage, parsed: () => unknown, limit: number): Promise<Uint8Array> {
  const { headers } = req;
  assertIdentity(headers['content-encoding']);
  const isUsed = wasRead(req);
  const kept = isUsed ? keptBytes(req, parsed()) : undefined;
  if (kept !== undefined) return within(kept, limit);
  if (isUsed || req.readableEncoding !== null) {
    // Over HTTP/2 it is Node that throws the body of a client away that has left.
    if (req.socket.destroyed) throw incomplete();
    throw new TypeError(
      'the body was consumed before its bytes could be seen: mount this package before the body parser, ' +
        'or keep the bytes with express.json({ verify: (req, _res, bytes) => { req.rawBody = bytes; } })',
    );
  }
  if (Number(headers['content-length'] ?? 0) > limit) throw tooLarge();
  return collect(req, limit);
}

/**
 * The bytes of a body that is there already, under the same rules.
 * @throws {Denial} 413 `body_too_large`, 415 `encoding_unsupported`
 */
export function wholeBody(bytes: Uint8Array, headers: Headers): Uint8Array {
  assertIdentity(headers['content-encoding']?.join(', '));
  return within(bytes, MAX_BODY_BYTES);
}

/** Whether somebody else has read from the stream. */
export function wasRead(req: IncomingMessage): boolean {
  return req.readableDidRead || req.readableEnded;
}

/** @throws {Denial} 415 `media_type_unsupported` unless the request says `application/json`, once, and in no other charset */
export function assertJson(headers: Headers): void {
  const type = single(headers, 'content-type') ?? '';
  if (MEDIA_TYPE.test(type) && !CHARSET.test(type)) return;
  throw new Denial(415, 'media_type_unsupported', 'The Content-Type must be application/json');
}

/** A digest or signature covers the bytes as sent, so a coded body cannot be taken apart first (RFC 9530 section 2). */
function assertIdentity(coding: string | undefined): void {
  if (coding === undefined || coding.toLowerCase() === 'identity') return;
  throw new Denial(415, 'encoding_unsupported', 'The Content-Encoding must be identity', {
    headers: { 'Accept-Encoding': 'identity' },
  });
}

function keptBytes(req: IncomingMessage, parsed: unknown): Uint8Array | undefined {
  const { rawBody } = req as { rawBody?: unknown };
  if (Buffer.isBuffer(rawBody)) return rawBody;
  return Buffer.isBuffer(parsed) ? parsed : undefined;
}

function within(bytes: Uint8Array, limit: number): Uint8Array {
  if (bytes.byteLength > limit) throw tooLarge();
  return bytes;
}

function collect(req: IncomingMessage, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const gathered = new Gathered();
    const stop = (): void => {
      req.off('data', onData).off('end', onEnd).off('error', onLost).off('close', onLost);
    };
    const onData = (chunk: Uint8Array): void => {
      if (gathered.size + chunk.byteLength <= limit) {
        gathered.add(chunk);
        return;
      }
      stop();
      // The rest is read and thrown away, as Node does with any body that nobody wants: else the client, which is
      // still sending, would lose the connection before it has read the answer.
      req.once('error', () => undefined).resume();
      reject(tooLarge());
    };
    const onEnd = (): void => {
      stop();
      resolve(gathered.bytes());
    };
    const onLost = (cause?: unknown): void => {
      stop();
      reject(incomplete(cause));
    };
    if (req.destroyed) onLost(req.errored ?? undefined);
    else req.on('data', onData).once('end', onEnd).once('error', onLost).once('close', onLost);
  });
}

/** Bytes in one piece, however small the pieces a client sends them in: many small buffers would take many times the limit. */
class Gathered {
  size = 0;
  #buffer: Uint8Array = new Uint8Array();

  add(chunk: Uint8Array): void {
    const size = this.size + chunk.byteLength;
    // Most bodies come in one piece, and are not copied.
    if (this.size === 0) this.#buffer = chunk;
    else this.#append(chunk, size);
    this.size = size;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.size);
  }

  #append(chunk: Uint8Array, size: number): void {
    if (size > this.#buffer.byteLength) {
      const larger = Buffer.allocUnsafe(size * 2);
      larger.set(this.bytes());
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.size);
  }
}

function incomplete(cause?: unknown): Denial {
  return new Denial(400, 'body_incomplete', 'The body did not arrive completely', { cause });
}

function tooLarge(): Denial {
  return new Denial(413, 'body_too_large', 'The body is too large');
}
