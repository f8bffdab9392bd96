/** What the codes of denials mean, for people. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ['token_missing', 'No access token was sent.'],
  ['token_invalid', 'The access token is expired, forged, or meant for somebody else.'],
  ['token_malformed', 'What was sent is no access token.'],
  ['header_duplicate', 'A header that decides was sent twice.'],
  ['header_mismatch', 'A header says something else than the body.'],
  ['scope_insufficient', 'The token lacks a scope; the user can be asked to grant it.'],
  ['permission_insufficient', 'The caller lacks a permission.'],
  ['role_insufficient', 'The role of the caller does not allow it.'],
  ['tool_undefined', 'There is no policy for this tool, so nobody may call it.'],
  ['prompt_undefined', 'There is no policy for this prompt.'],
  ['resource_undefined', 'There is no policy for this resource.'],
  ['method_undefined', 'There is no policy for this method.'],
  ['argument_denied', 'The tool may not be called with these arguments.'],
  ['policy_denied', 'The policy of the server said no.'],
  ['caller_unproven', 'Nobody proved who calls.'],
  ['signature_required', 'The request had to be signed, and was not.'],
  ['signature_invalid', 'The signature is wrong, too old, or by an unknown key.'],
  ['signature_malformed', 'What was sent is no signature.'],
  ['signature_target', 'The request was signed for another address.'],
  ['signature_replayed', 'A signed request was sent a second time.'],
  ['definition_changed', 'The tool changed since the client approved it, or without a new version.'],
  ['origin_denied', 'A foreign web page sent the request.'],
  ['host_denied', 'The request was sent to a foreign host name.'],
  ['session_unknown', 'The session belongs to another caller, or is over.'],
  ['session_malformed', 'What was sent is no session id.'],
  ['session_conflict', 'The server gave a session id twice.'],
  ['rate_limited', 'The caller sent more requests than it may.'],
  ['json_malformed', 'The body is not JSON.'],
  ['rpc_malformed', 'The body is not JSON-RPC.'],
  ['body_incomplete', 'The client left before the whole body was there.'],
  ['body_too_large', 'The body is too large.'],
  ['encoding_unsupported', 'The body is compressed.'],
  ['media_type_unsupported', 'The body is of a foreign type.'],
  ['unavailable', 'Something that a check depends on was down.'],
  ['internal_error', 'A check crashed.'],
]);

/** One sentence, or nothing for codes of others. */
export function meaningOf(code: string): string {
  return REASONS.get(code) ?? '';
}
