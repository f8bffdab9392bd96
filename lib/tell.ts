import { isPromise } from './promise.js';
import { reportError } from './report.js';

/** Calls a hook that should return nothing. Nobody waits for the promise it may give, so that must not end the process. */
export function call<Args extends readonly unknown[]>(
  request: string,
  hook: (...args: Args) => unknown,
  ...args: Args
): void {
  const result = hook(...args);
  if (!isPromise(result)) return;
  result.then(undefined, (error: unknown) => {
    reportError(error, request);
  });
}

/** Calls a hook that is told and not asked: its failure changes nothing any more, but is not lost. */
export function tell<Args extends readonly unknown[]>(
  request: string,
  hook: (...args: Args) => unknown,
  ...args: Args
): void {
  try {
    call(request, hook, ...args);
  } catch (error) {
    reportError(error, request);
  }
}

/** Tells a listener that nobody waits for. What it throws is a process warning: it must not keep anybody from working. */
export function notify<Event>(listener: (event: Event) => unknown, event: Event): void {
  void (async () => {
    await listener(event);
  })().catch((cause: unknown) => {
    process.emitWarning(cause instanceof Error ? cause : String(cause));
  });
}
