/**
 * How a request ended: every check let it through and it was answered, a check denied it, something that should
 * have worked did not (status 500 and above), or the client went away before the answer was complete.
 */
export type AuditOutcome = 'allowed' | 'denied' | 'failed' | 'aborted';

/**
 * What one request was about and how it ended: version 1. Frozen, and nothing but JSON.
 *
 * Members are only ever added within a version. Every text is escaped and cut, so that it stays in its line.
 */
export interface AuditRecord {
  readonly v: 1;
  /** When the request ended: RFC 3339, UTC, milliseconds. It began `durationMs` earlier. */
  readonly time: string;
  readonly type: 'request';
  /** The id of the request, as in `ctx.id`. */
  readonly id: string;
  readonly outcome: AuditOutcome;
  /** The HTTP status that was sent. Absent when the client left before. */
  readonly status?: number;
  readonly durationMs: number;
  readonly http: AuditedHttp;
  /** The trace id of a `traceparent` header (W3C Trace Context section 3.2.2.3): what the client says, 32 hex digits. */
  readonly trace?: string;
  /** Who called. Present only when it was proven, be the request allowed or not. */
  readonly principal?: AuditedPrincipal;
  /** Who signed the request. Present only when it was proven. */
  readonly signature?: AuditedSignature;
  /** Every message of the body. Absent when no check has read it, as for a stranger who was denied before. */
  readonly rpc?: readonly AuditedMessage[];
  /** Every verdict, in order. */
  readonly decisions: readonly AuditedDecision[];
  /** What the request needed and the caller was granted, where a check has compared them. */
  readonly access?: AuditedAccess;
  /** What would have been denied, where a check only observes. */
  readonly observed?: AuditedObservation;
  /** The same in the records of all servers that one request of a client made its way to, by calls of tools. */
  readonly transaction?: string;
  /** Which tools called each other. Present only when it was proven. */
  readonly callStack?: AuditedCallStack;
}

/** Tools by name, such as `https://a.example/mcp#report`. */
export interface AuditedCallStack {
  readonly root: string;
  readonly depth: number;
  /** `@root` where no tool called. */
  readonly caller: string;
  /** Outermost first, the called one last. */
  readonly frames: readonly string[];
}

export interface AuditedHttp {
  readonly method: string;
  /** Without query, fragment and host. */
  readonly path: string;
  /** As the framework knows it. A client can choose it where the framework trusts a proxy that it should not. */
  readonly ip: string;
}

export interface AuditedPrincipal {
  readonly issuer: string;
  readonly subject: string;
  readonly clientId: string;
}

/** The peer whose key signed the request, never the signature. */
export interface AuditedSignature {
  readonly owner: string;
  readonly clientId: string;
  readonly keyId: string;
}

export interface AuditedMessage {
  readonly kind: 'request' | 'notification' | 'response';
  /** Absent for a notification. */
  readonly id?: string | number;
  /** Absent for a response. */
  readonly method?: string;
  readonly tool?: string;
  readonly prompt?: string;
  /** A resource URI, without user information, query and fragment. */
  readonly resource?: string;
  /** Of a call of a tool, as the mode `arguments` says. */
  readonly arguments?: AuditedContent;
}

/** What a tool got or gave, as far as it is recorded. Secrets are masked in every mode. */
export interface AuditedContent {
  /** Mode `keys`: the names of the members, sorted. */
  readonly keys?: readonly string[];
  /** Mode `digest`: `hmac-sha256:` and an HMAC of the value with sorted members under a key of the log, lower-case hex. */
  readonly digest?: string;
  /** Modes `redacted` and `full`. Texts are escaped. */
  readonly value?: AuditedJson;
  /** How many places are masked or cut. */
  readonly masked?: number;
}

export type AuditedJson =
  string | number | boolean | null | readonly AuditedJson[] | { readonly [name: string]: AuditedJson };

export interface AuditedDecision {
  readonly middleware: string;
  readonly effect: 'allow' | 'deny';
  readonly ms: number;
  /** The HTTP status that the denial stands for. */
  readonly status?: number;
  /** The stable code of the denial. */
  readonly code?: string;
  /** What the denial knows, as far as it is known to be harmless. */
  readonly detail?: Readonly<Record<string, AuditedValue>>;
  /** The error behind the denial: its name and code, never its text, which may repeat what a client sent. */
  readonly error?: { readonly name: string; readonly code?: string };
}

export type AuditedValue = string | number | boolean | readonly string[];

/** Permissions, or scopes where a denial speaks of scopes. Of each list the first 50. */
export interface AuditedAccess {
  readonly required?: readonly string[];
  readonly granted?: readonly string[];
  /** Present in a denial. */
  readonly missing?: readonly string[];
}

export interface AuditedObservation {
  readonly middleware: string;
  readonly code: string;
}
