// What a request must come to, known before it is sent, and what its answer is worth.

/** What a request must come to. */
export type Expected =
  | { readonly effect: 'serve' }
  /** Denied for this reason and no other. */
  | { readonly effect: 'deny'; readonly status: number; readonly code: string }
  /** Not served, and not by way of a failure: what is no HTTP has no code. */
  | { readonly effect: 'withhold' }
  /** Served or denied, but answered, and not by way of a failure. */
  | { readonly effect: 'endure' };

/** What came back. No status: the connection ended without an answer. */
export interface Answer {
  readonly status: number | undefined;
  readonly code?: string | undefined;
  /** The constant text of a denial. */
  readonly message?: string | undefined;
}

/** What an answer is worth. All but `right` and `unavailable` are faults of the server. */
export type Worth = 'right' | 'unavailable' | 'wrongly allowed' | 'wrongly denied' | 'other reason';

export const serve: Expected = { effect: 'serve' };
export const withhold: Expected = { effect: 'withhold' };
export const endure: Expected = { effect: 'endure' };
export const deny = (status: number, code: string): Expected => ({ effect: 'deny', status, code });

/**
 * Judges an answer. `outage` says whether something that the server depends on was down at some time between the request
 * and its answer: then 503 is right too, for everybody, and nothing else is.
 */
export function judge(expected: Expected, answer: Answer, outage: boolean): Worth {
  const { status } = answer;
  const isServed = status !== undefined && status >= 200 && status < 300;
  if (isServed) return expected.effect === 'serve' || expected.effect === 'endure' ? 'right' : 'wrongly allowed';
  if (outage && status === 503) return 'unavailable';
  if (expected.effect === 'serve') return 'wrongly denied';
  return isRightDenial(expected, answer) ? 'right' : 'other reason';
}

function isRightDenial(expected: Exclude<Expected, { effect: 'serve' }>, { status, code }: Answer): boolean {
  switch (expected.effect) {
    case 'deny':
      return status === expected.status && code === expected.code;
    case 'withhold':
      return status === undefined || status < 500;
    case 'endure':
      return status !== undefined && status < 500;
  }
}
