import type { Detail } from '../decision.js';
import { Denial } from '../denial.js';

declare module '../denial.js' {
  interface DenialCodes {
    chain_malformed: 403;
    chain_missing: 403;
    chain_broken: 403;
    chain_stale: 403;
    chain_replayed: 403;
    chain_untrusted: 403;
    chain_invalid: 403;
    root_denied: 403;
    audience_mismatch: 403;
    tool_mismatch: 403;
    arguments_mismatch: 403;
    subject_mismatch: 403;
    possession_unproven: 403;
    call_depth_exceeded: 403;
    call_circular: 403;
    caller_blocked: 403;
    callee_blocked: 403;
    caller_denied: 403;
    callee_denied: 403;
    privilege_escalated: 403;
    fanout_exceeded: 403;
    token_forwarded: 403;
    call_ended: 403;
  }
}

const TEXTS = {
  chain_malformed: 'The call chain is malformed',
  chain_missing: 'A tool server must bring a call chain',
  chain_broken: 'The hops of the call chain do not belong together',
  chain_stale: 'The call chain is not valid at this time',
  chain_replayed: 'The call chain was used before',
  chain_untrusted: 'The call chain is signed by nobody who is trusted',
  chain_invalid: 'A signature of the call chain is not valid',
  root_denied: 'The call chain starts with somebody who may not start one',
  audience_mismatch: 'The call chain is for another server',
  tool_mismatch: 'The call chain is for another tool',
  arguments_mismatch: 'The call chain is for other arguments',
  subject_mismatch: 'The call chain is for another subject',
  possession_unproven: 'The call chain is not of whoever sends it',
  call_depth_exceeded: 'The calls are nested too deeply',
  call_circular: 'The tool is in the call stack already',
  caller_blocked: 'The tool may not be called by this caller',
  callee_blocked: 'The tool may not call this one',
  caller_denied: 'The tool is not for this caller',
  callee_denied: 'The tool has no leave to call this one',
  privilege_escalated: 'The tool needs more than the call may use',
  fanout_exceeded: 'The transaction has made too many calls',
  token_forwarded: 'The token of the caller is not for another server',
  call_ended: 'The call has ended',
} as const;

/** Why a call is denied for what called it. */
export type CallCode = keyof typeof TEXTS;

/** A denial that another token would not cure. `detail` is for the record. */
export function callDenial(code: CallCode, detail: Detail = {}): Denial {
  return new Denial(403, code, TEXTS[code], { policy: true, detail });
}
