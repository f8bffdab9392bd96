/** What one look at a server has shown. `unknown`: it could not be told, and the text says why. */
export interface Finding {
  /** A stable name, for scripts. */
  readonly check: string;
  readonly outcome: 'ok' | 'warning' | 'failed' | 'unknown';
  /** What was seen, as one sentence. */
  readonly text: string;
  /** What to do about it. */
  readonly fix?: string;
}

export function ok(check: string, text: string): Finding {
  return { check, outcome: 'ok', text };
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
