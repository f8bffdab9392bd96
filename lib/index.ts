export type {
  AuditedDecision,
  AuditedHttp,
  AuditedMessage,
  AuditedPrincipal,
  AuditedScopes,
  AuditedValue,
  AuditOutcome,
  AuditRecord,
} from './audit/record.js';
export type { AuditErrorHandler, AuditLogger, AuditSink } from './audit/sink.js';
export { requires, type Chain, type MountedTooEarly, type Ordered } from './chain.js';
export { challenge, type ChallengeParameters } from './challenge.js';
export type { HttpRequest, RequestContext, Slot, State } from './context.js';
export type { Allowed, Decision, Denied, Detail, Outcome } from './decision.js';
export {
  Denial,
  isDenial,
  Unavailable,
  type DenialCode,
  type DenialCodes,
  type DenialOptions,
  type UnavailableOptions,
} from './denial.js';
export type { Endpoint, EndpointRequest, EndpointResponse } from './endpoint.js';
export { contextOf, type AdapterOptions } from './exchange.js';
export { exposedHeaders } from './exposedHeaders.js';
export type { AnyMiddleware, AuthInfo, Hooks, Middleware, Proven } from './middleware.js';
export { protectedResource, type ProtectedResourceOptions } from './protectedResource.js';
export type { OutgoingMessage, RpcMessage, RpcNotification, RpcRequest, RpcResponse, Target } from './rpc.js';
export * from '../middleware/index.js';
