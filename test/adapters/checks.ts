// Small middlewares to test adapters and hooks with.
import type { RequestContext } from '../../lib/context.js';
import { Denial, type DenialOptions } from '../../lib/denial.js';
import type { AnyMiddleware, Hooks } from '../../lib/middleware.js';

declare module '../../lib/context.js' {
  interface State {
    testCaller: { readonly name: string };
    testExtra: { readonly name: string };
  }
}

declare module '../../lib/denial.js' {
  interface DenialCodes {
    test_caller_missing: 401;
    test_denied: 403;
  }
}

type Run = (ctx: RequestContext) => object | Promise<object>;

/** A check that does what it is told. */
export function check(name: string, run: Run = () => ({}), more: Partial<AnyMiddleware> = {}): AnyMiddleware {
  return { name, needs: [], adds: [], run: run, ...more };
}

export const hooked = (name: string, hooks: Hooks): AnyMiddleware => check(name, undefined, { hooks });

/** Reads the messages of the request. */
export const readsMessages = (name = 'readsMessages'): AnyMiddleware =>
  check(name, async ({ request }) => {
    await request.rpc();
    return {};
  });

/** Reads the bytes of the request, and hands them to a test. */
export const readsBytes = (see: (bytes: Uint8Array) => void = () => undefined): AnyMiddleware =>
  check('readsBytes', async ({ request }) => {
    see(await request.body());
    return {};
  });

export const failsWith = (error: unknown): AnyMiddleware =>
  check('fails', () => {
    throw error;
  });

/** Denies, after the messages were read when `reads` is set. */
export const denies = (options: DenialOptions & { readonly reads?: boolean } = {}): AnyMiddleware =>
  check('denies', async ({ request }) => {
    if (options.reads === true) await request.rpc();
    throw new Denial(403, 'test_denied', 'Denied by a test', options);
  });

/** Knows everybody who says a name. */
export const knowsCaller = (hooks: Hooks = {}): AnyMiddleware =>
  check(
    'knowsCaller',
    ({ request }) => {
      const [name] = request.headers['x-caller'] ?? [];
      if (name !== undefined) return { testCaller: { name } };
      throw new Denial(401, 'test_caller_missing', 'Say who you are', { headers: { 'WWW-Authenticate': 'Test' } });
    },
    { adds: ['testCaller'], hooks },
  );

export const call = (id: unknown = 7): Readonly<Record<string, unknown>> => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'echo', arguments: { text: 'hello' } },
});

/** The body of an error as it must be on the wire. */
export const errorOf = (id: unknown, status: number, code: string, message: string): object => ({
  jsonrpc: '2.0',
  id,
  error: { code: status, message, data: { code } },
});
