/** What a handler wants called when its bytes are on their way. */
export type Done = (() => void) | undefined;

const NOTHING = Buffer.alloc(0);

/**
 * The arguments of `write` and `end` of a Node response.
 * @throws {TypeError} for a chunk that is neither a string nor bytes
 */
export function readArguments(args: readonly unknown[]): { readonly chunk: Buffer; readonly done: Done } {
  const [chunk, encoding] = args;
  return { chunk: bytesOf(chunk, encoding), done: doneOf(args) };
}

export function doneOf(args: readonly unknown[]): Done {
  return args.find((one): one is () => void => typeof one === 'function');
}

function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk === 'string')
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as 'utf8') : 'utf8');
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk === undefined || chunk === null || typeof chunk === 'function') return NOTHING;
  throw new TypeError('a chunk of a response must be a string or bytes');
}
