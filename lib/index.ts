export type { AuditContentMode } from './audit/content.js';
export type {
  AdmittedEvent,
  ApprovalEvent,
  AuditEvent,
  AuditEventType,
  CallEndedEvent,
  CallSentEvent,
  CallStartedEvent,
  ConfigurationEvent,
  DefinitionEvent,
  DenialEvent,
  DenialType,
  DiscoveryEvent,
  EventBase,
  KeyLifecycleEvent,
  KeyUpkeepEvent,
  ProofEvent,
  ServerEvent,
  StreamEvent,
  TrailCheckpointEvent,
  TrailEvent,
  TrailGapEvent,
  TrailRecoveredEvent,
  TrailSegmentEvent,
  TrailStartedEvent,
  TrailStoppedEvent,
  VerdictEvent,
} from './audit/events.js';
export type { AuditFormat } from './audit/formats/index.js';
export type { Checkpoint, SealedRecord, TrailRecord } from './audit/line.js';
export { toolOutcomes, type ToolOutcome, type ToolOutcomesOptions } from './audit/outcomes.js';
export type {
  AuditedAccess,
  AuditedCallStack,
  AuditedContent,
  AuditedDecision,
  AuditedHttp,
  AuditedJson,
  AuditedMessage,
  AuditedObservation,
  AuditedPrincipal,
  AuditedSignature,
  AuditedValue,
  AuditOutcome,
  AuditRecord,
} from './audit/record.js';
export type { AuditLevel } from './audit/requestLog.js';
export type { AuditErrorHandler, AuditLogger, AuditSink } from './audit/sink.js';
export type { CallStack } from './callchain/callStack.js';
export { callTool, type CallToolOptions } from './callchain/callTool.js';
export { chainFetch, type ChainFetchOptions } from './callchain/chainFetch.js';
export type { CallIdentity } from './callchain/identity.js';
export type { CallFrame, CallingFrame } from './callchain/names.js';
export { startCallStack, type StartCallStackOptions } from './callchain/startCallStack.js';
export {
  openAuditTrail,
  type AuditEventInput,
  type AuditTrail,
  type OpenAuditTrailOptions,
  type TrailStatus,
} from './audit/trail.js';
export type { ApprovalSeen, ApprovalsSeen, TrailAdapters, VerdictSeen } from './audit/trail/adapters.js';
export type { Fsync } from './audit/trail/fileWriter.js';
export { AuditTrailError, type AuditTrailErrorCode } from './audit/trail/error.js';
export { readTrail, trailFiles } from './audit/trailFiles.js';
export {
  verifyTrail,
  type PlacedRecord,
  type TrailFault,
  type TrailFinding,
  type TrailPlace,
  type TrailReport,
  type VerifyTrailOptions,
} from './audit/verifyTrail.js';
export { requires, type Chain, type MountedTooEarly, type Ordered } from './chain.js';
export { challenge, type ChallengeParameters } from './challenge.js';
export type { Connection, HttpRequest, RequestContext, Slot, State } from './context.js';
export type { Allowed, Decision, Denied, Detail, HandlerCall, Outcome } from './decision.js';
export type { DefinitionSeen, ToolEvent, ToolListener } from './definitions/events.js';
export type { CallStackRules, Definition, Manifest, WireForm, WireTool } from './definitions/form.js';
export {
  servedTools,
  type ConnectableServer,
  type FetchHandler,
  type ServedTools,
  type ToolSource,
} from './definitions/source.js';
export { fileVersions, type FileVersionsOptions } from './definitions/versionFile.js';
export { memoryVersions, type KnownForm, type Pinned, type VersionStore } from './definitions/versions.js';
export {
  Denial,
  isDenial,
  Unavailable,
  type DenialCode,
  type DenialCodes,
  type DenialOptions,
  type UnavailableOptions,
} from './denial.js';
export type { NonceOptions } from './dpop/nonces.js';
export type { DPoPMode, DPoPOptions, ProofAlgorithm } from './dpop/options.js';
export type { Endpoint, EndpointRequest, EndpointResponse } from './endpoint.js';
export { exposedHeaders } from './exposedHeaders.js';
export { contextOf } from './handOver.js';
export type { KeyAlgorithm } from './keys/algorithms.js';
export { externalSigner, type ExternalSigner, type ExternalSignerOptions } from './keys/externalSigner.js';
export { jwksEndpoint, type PublishedKeys } from './keys/jwksEndpoint.js';
export type { KeyChanged, KeyEvent, UpkeepFailed } from './keys/keyEvents.js';
export type { KeyInfo, KeyPurpose, KeyState } from './keys/keyRecord.js';
export { openKeyStore, type KeyFilter, type KeyStore, type RotateOptions } from './keys/keyStore.js';
export { KeyStoreError, type KeyStoreProblem } from './keys/keyStoreError.js';
export type { OpenKeyStoreOptions } from './keys/keyStoreOptions.js';
export type { Signer, SigningKey } from './keys/signer.js';
export type { TrustedKeys } from './keys/trust.js';
export type { CertificateCaller } from './mtls/callers.js';
export type { MtlsOptions } from './mtls/mtls.js';
export type { CertificateProxyOptions } from './mtls/source.js';
export type { AnyMiddleware, AuthInfo, Hooks, Middleware, Proven } from './middleware.js';
export { protectedResource, type ProtectedResourceOptions } from './protectedResource.js';
export * from './providers/index.js';
export type { RateBudget } from './rate/budgets.js';
export type { PolicyDenials } from './reply.js';
export { registerSecureTool, type ToolServer } from './registerSecureTool.js';
export type { AdapterOptions } from './mount.js';
export type { SecurityLevel } from './profile/levels.js';
export type { Signature } from './signatures/signature.js';
export { memoryStores, type MemoryStoresOptions } from './stores/memoryStores.js';
export { memoryRate, type MemoryRateOptions, type RateCount, type RateStore } from './stores/rate.js';
export { memoryReplay, type MemoryReplayOptions, type ReplayStore } from './stores/replay.js';
export {
  memoryRevocations,
  type MemoryRevocationsOptions,
  type RevocationStore,
  type RevokedToken,
  type TokenFacts,
} from './stores/revocations.js';
export {
  memorySessions,
  type MemorySessionsOptions,
  type SessionHolder,
  type SessionStore,
} from './stores/sessions.js';
export type { Stores } from './stores/stores.js';
export type { OutgoingMessage, RpcMessage, RpcNotification, RpcRequest, RpcResponse, Target } from './rpc.js';
export type { Actor } from './tokens/actors.js';
export type { Algorithm } from './tokens/algorithms.js';
export type { AcceptedSchemes, Auth } from './tokens/auth.js';
export type { OAuthClientOptions } from './tokens/clientRequest.js';
export { bearerChallenge, type BearerParameters } from './tokens/bearer.js';
export type { Binding } from './tokens/binding.js';
export type { ExchangedToken } from './tokens/exchangeAnswer.js';
export {
  exchangeToken,
  type ExchangeableType,
  type ExchangeTokenOptions,
  type TokenExchange,
  type TokenToExchange,
} from './tokens/exchangeToken.js';
export type { TokenCacheOptions } from './tokens/cacheOptions.js';
export type { ClaimPath, Issuer, KeySource, LooseTyp } from './tokens/issuer.js';
export type { KeySetOptions } from './tokens/keySet.js';
export type { IsRevoked } from './tokens/revocation.js';
export type { May } from './tools/caller.js';
export { defineTools, type Tools } from './tools/defineTools.js';
export type { Decide, DecideRequest, ForbiddenCode, Verdict } from './tools/engine.js';
export type { AccessPolicy, PolicyCall, ToolPolicy } from './tools/policies.js';
export { canonicalResource, metadataUrl } from './url.js';
export * from '../middleware/index.js';
