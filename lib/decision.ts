/** What a denial knows and never sends: `required` and `missing` scopes, for example. */
export type Detail = Readonly<Record<string, unknown>>;

/** One check let the request through. */
export interface Allowed {
  readonly middleware: string;
  readonly effect: 'allow';
  /** How long the check took, in milliseconds. */
  readonly ms: number;
}

/** One check, or a hook of one, denied the request. */
export interface Denied {
  readonly middleware: string;
  readonly effect: 'deny';
  readonly ms: number;
  /** The HTTP status the verdict stands for. */
  readonly status: number;
  /** A stable code: a `DenialCode`, `'unavailable'` or `'internal_error'`. */
  readonly code: string;
  readonly detail?: Detail;
  /** The underlying failure. Recorded, never sent. */
  readonly cause?: unknown;
}

/** One middleware's verdict on one request. */
export type Decision = Allowed | Denied;

/** A call that the handler of a request makes, of a tool of this server or of another one. */
export interface HandlerCall {
  /** `sent`: to another server, which knows how it ends. `denied`: before the other tool heard of it. */
  readonly phase: 'started' | 'succeeded' | 'failed' | 'sent' | 'denied';
  /** The tool that calls, as call chains name it. */
  readonly caller: string;
  /** The tool that is called, by its name alone where it is one of this server. A server, where no tool of it is called. */
  readonly tool: string;
  readonly transaction: string;
  readonly arguments: unknown;
  /** What the tool returned, where it did. */
  readonly result?: unknown;
  /** Why the call was denied, where it was. */
  readonly denied?: Denied;
}

/** How an exchange ended. */
export interface Outcome {
  /** The status that was sent, or nothing when the client left before. */
  readonly status: number | undefined;
  /** From the first mounted check to the end of the response, in milliseconds. */
  readonly ms: number;
  /** Whether the client went away before the response was complete. */
  readonly aborted: boolean;
}
