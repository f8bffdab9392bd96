/**
 * What one look at a server has shown. `note`: neither right nor wrong, but good to know. `unknown`: it could not be told.
 * `skipped`: it was not looked at. The text says why.
 */
export interface Finding {
  /** A stable name, for scripts. */
  readonly check: string;
  readonly outcome: 'ok' | 'note' | 'warning' | 'failed' | 'unknown' | 'skipped';
  /** What was seen, as one sentence. */
  readonly text: string;
  /** What to do about it. */
  readonly fix?: string;
}

export function ok(check: string, text: string): Finding {
  return { check, outcome: 'ok', text };
}

export function note(check: string, text: string, fix: string): Finding {
  return { check, outcome: 'note', text, fix };
}

export function failed(check: string, text: string, fix: string): Finding {
  return { check, outcome: 'failed', text, fix };
}

export function warning(check: string, text: string, fix: string): Finding {
  return { check, outcome: 'warning', text, fix };
}

export function unknown(check: string, text: string, fix: string): Finding {
  return { check, outcome: 'unknown', text, fix };
}

/** Several that were left out for one reason. */
export function skipped(checks: readonly string[], why: string): readonly Finding[] {
  return checks.map((check) => ({ check, outcome: 'skipped', text: `not looked at: ${why}` }));
}

/** A server that is broken denies whatever is asked, so that its answer to one thing shows nothing. */
export function broken(check: string, status: number): Finding | undefined {
  if (status < 500) return undefined;
  return unknown(check, `The server answered with ${status}, which may be for anything.`, 'look into its log');
}
