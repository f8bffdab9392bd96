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

/** How an exchange ended. */
export interface Outcome {
  /** The status that was sent, or nothing when the client left before. */
  readonly status: number | undefined;
  /** From the first mounted check to the end of the response, in milliseconds. */
  readonly ms: number;
  /** Whether the client went away before the response was complete. */
  readonly aborted: boolean;
}
