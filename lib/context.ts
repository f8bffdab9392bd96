import type { X509Certificate } from 'node:crypto';
import type { Decision } from './decision.js';
import type { RpcMessage } from './rpc.js';

/**
 * What has been proven about a request so far. Each middleware owns the slots it
 * adds and declares them beside its code by declaration merging.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- merged into by every middleware
export interface State {}

/** The name of one proven fact, for example `'auth'`. */
export type Slot = keyof State;

/** The connection a request came over. `tls` is there when this process ended the encryption itself. */
export interface Connection {
  /** The address of whoever connected, which is a proxy where there is one. No header can change it. */
  readonly remoteAddress: string | undefined;
  readonly tls?: {
    /**
     * Whether the certificate of the client leads to a trusted authority, and is proven: never over TLS 1.2, where another
     * one may take its place. Also true for a resumed session, in which no certificate is sent.
     */
    readonly authorized: boolean;
    /** The certificate that the client showed, or nothing. */
    readonly certificate: () => X509Certificate | undefined;
  };
}

/** The request as it arrived. Nothing here is ever rewritten. */
export interface HttpRequest {
  readonly method: string;
  /** The request target of the request line, before any mount path was stripped. Never joined with `Host`. */
  readonly target: string;
  /** Lower-cased names; every received line is kept. */
  readonly headers: Readonly<Record<string, readonly string[] | undefined>>;
  /** The client address as the framework knows it. Informational: never a reason to allow. */
  readonly ip: string;
  readonly connection: Connection;
  /**
   * The exact bytes received. Read on first call, never before, so that a stranger is answered before their body arrives.
   * @throws {Denial} 413 `body_too_large`, 415 `encoding_unsupported`, 400 `body_incomplete`
   */
  readonly body: () => Promise<Uint8Array>;
  /**
   * Every JSON-RPC message of the request, a batch included; none for GET, HEAD, DELETE and OPTIONS, which have no content.
   * @throws {Denial} 400 `json_malformed`, `rpc_malformed`, `header_mismatch`, `header_duplicate`, `content_unexpected`;
   *   415 `media_type_unsupported`; and what `body` throws
   */
  readonly rpc: () => Promise<readonly RpcMessage[]>;
  /** What `rpc()` gave, for hooks that record it. Nothing before some check has called it: reading this reads no body. */
  readonly messages: readonly RpcMessage[] | undefined;
}

/** The one object every middleware sees. `Has` names the slots already proven. */
export interface RequestContext<Has extends Slot = never> {
  /** Identifies the request in every record about it. */
  readonly id: string;
  readonly request: HttpRequest;
  readonly state: Readonly<Pick<State, Has> & Partial<State>>;
  /** Every verdict so far, in order, of earlier mounts too. */
  readonly decisions: readonly Decision[];
}
