import type { IncomingMessage } from 'node:http';
import { Denial } from './denial.js';

declare module './denial.js' {
  interface DenialCodes {
    body_incomplete: 400;
    body_too_large: 413;
    encoding_unsupported: 415;
    media_type_unsupported: 415;
  }
}

/** The largest body that is read, in bytes: the limit of the MCP SDK. */
export const MAX_BODY_BYTES: number = 4 * 1024 * 1024;

const MEDIA_TYPE = /^application\/json[ \t]*(?:;|$)/i;

/**
 * The exact bytes of a request, read at most once and up to `limit`.
 *
 * Where a parser ran first, its `rawBody` (or a Buffer that `express.raw()` left in `req.body`) is taken instead.
 * @throws {Denial} 413 `body_too_large`, 415 `encoding_unsupported`, 400 `body_incomplete`
 * @throws {TypeError} when a body parser consumed the bytes and kept none
 */
export async function readBytes(req: IncomingMessage, parsed: unknown, limit: number): Promise<Uint8Array> {
  assertIdentity(req);
  const kept = keptBytes(req, parsed);
  if (kept !== undefined) return within(kept, limit);
  if (wasRead(req)) {
    throw new TypeError(
      'the body was consumed before its bytes could be seen: mount this package before the body parser, ' +
        'or keep the bytes with express.json({ verify: (req, _res, bytes) => { req.rawBody = bytes; } })',
    );
  }
  if (Number(req.headers['content-length'] ?? 0) > limit) throw tooLarge();
  return collect(req, limit);
}

/** Whether somebody else has read from the stream. */
export function wasRead(req: IncomingMessage): boolean {
  return req.readableDidRead || req.readableEnded;
}

/** @throws {Denial} 415 `media_type_unsupported` unless the request says `application/json` */
export function assertJson(req: IncomingMessage): void {
  if (MEDIA_TYPE.test(req.headers['content-type'] ?? '')) return;
  throw new Denial(415, 'media_type_unsupported', 'The Content-Type must be application/json');
}

/** A digest or signature covers the bytes as sent, so a coded body cannot be taken apart first (RFC 9530 section 2). */
function assertIdentity(req: IncomingMessage): void {
  const coding = req.headers['content-encoding'];
  if (coding === undefined || coding.toLowerCase() === 'identity') return;
  throw new Denial(415, 'encoding_unsupported', 'The Content-Encoding must be identity', {
    headers: { 'Accept-Encoding': 'identity' },
  });
}

function keptBytes(req: IncomingMessage, parsed: unknown): Uint8Array | undefined {
  if (!wasRead(req)) return undefined;
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
    const chunks: Uint8Array[] = [];
    let size = 0;
    const done = (error?: Error): void => {
      req.off('data', onData).off('end', onEnd).off('error', onLost).off('close', onLost);
      if (error === undefined) {
        resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
        return;
      }
      // What is still on its way is thrown away, so that the client gets to read the answer.
      req.on('error', () => undefined).resume();
      reject(error);
    };
    const onData = (chunk: Uint8Array): void => {
      size += chunk.byteLength;
      if (size > limit) done(tooLarge());
      else chunks.push(chunk);
    };
    const onEnd = (): void => {
      done();
    };
    const onLost = (cause?: unknown): void => {
      done(new Denial(400, 'body_incomplete', 'The body did not arrive completely', { cause }));
    };
    if (req.destroyed) {
      onLost(req.errored ?? undefined);
      return;
    }
    req.on('data', onData).once('end', onEnd).once('error', onLost).once('close', onLost);
  });
}

/** The connection cannot be used again: the rest of the body would have to be read first. */
function tooLarge(): Denial {
  return new Denial(413, 'body_too_large', 'The body is too large', { headers: { Connection: 'close' } });
}
