/** The largest document that is read from another server, in bytes. */
export const MAX_DOCUMENT_BYTES = 262_144;

const NO_ANSWER = 'no answer';

/** Why a document could not be fetched. The message names no address; the cause may, so it is for the operator alone. */
export class FetchFailure extends Error {
  override readonly name = 'FetchFailure';
  /** The HTTP status, where there was an answer. */
  readonly status: number | undefined;
  /** The same in one word, for records. Where nobody answered, the cause knows more. */
  readonly code: string | undefined;
  /** What came with a status that was to be explained. */
  readonly document: unknown;

  constructor(
    message: string,
    options: { readonly status?: number; readonly document?: unknown; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.status = options.status;
    this.document = options.document;
    this.code = message === NO_ANSWER ? undefined : message.replaceAll(' ', '_');
  }
}

export interface FetchOptions {
  readonly fetch: typeof fetch;
  /** Ends the request, and the wait for it even when `fetch` does not listen. */
  readonly signal: AbortSignal;
  /** What is posted. Default: nothing, the document is got. */
  readonly post?: { readonly headers: Readonly<Record<string, string>>; readonly body: string };
  /** How the text is read. Default: as any JSON. */
  readonly parse?: (text: string) => unknown;
  /** Statuses other than 200 whose document is read too, for the failure. Default: none. */
  readonly explained?: readonly number[];
}

/**
 * Fetches a JSON document of bounded size, following no redirect and sending no credentials but those that are posted.
 * @throws {FetchFailure} for anything but one complete answer with status 200
 */
export async function fetchJson(url: string, options: FetchOptions): Promise<unknown> {
  const { signal } = options;
  try {
    return await bounded(readAnyhow(url, options), signal);
  } catch (cause) {
    if (cause instanceof FetchFailure) throw cause;
    throw new FetchFailure(signal.aborted ? 'no answer in time' : NO_ANSWER, { cause });
  }
}

/**
 * The other side may close a connection that was kept at the moment it is used again. What is only asked for may be asked
 * for once more (RFC 9110 section 9.2.2).
 */
async function readAnyhow(url: string, options: FetchOptions): Promise<unknown> {
  try {
    return await read(url, options);
  } catch (error) {
    if (options.post !== undefined || options.signal.aborted || error instanceof FetchFailure) throw error;
    return read(url, options);
  }
}

async function read(url: string, options: FetchOptions): Promise<unknown> {
  const { fetch, signal, post, parse = JSON.parse, explained = [] } = options;
  const response = await fetch(url, {
    ...(post === undefined ? {} : { method: 'POST', body: post.body }),
    headers: { Accept: 'application/json', ...post?.headers },
    redirect: 'error',
    credentials: 'omit',
    signal,
  });
  if (response.redirected) throw new FetchFailure('answered by a redirect');
  const { status } = response;
  if (status !== 200 && !explained.includes(status)) {
    await response.body?.cancel().catch(() => undefined);
    throw new FetchFailure(`answered with status ${status}`, { status });
  }
  const document = parsed(await readBounded(response), parse);
  if (status !== 200) throw new FetchFailure(`answered with status ${status}`, { status, document });
  return document;
}

function parsed(bytes: Uint8Array, parse: (text: string) => unknown): unknown {
  try {
    return parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new FetchFailure('not JSON', { cause });
  }
}

async function readBounded(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels the stream: an endless body costs no more than the bound.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > MAX_DOCUMENT_BYTES) throw new FetchFailure('too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Waits for work no longer than the signal lets it. */
export function bounded<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      reject(new FetchFailure('no answer in time'));
    };
    signal.addEventListener('abort', fail, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', fail);
    });
    if (signal.aborted) fail();
  });
}
