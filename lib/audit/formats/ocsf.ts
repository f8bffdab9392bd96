import type { AuditEvent } from '../events.js';
import type { OcsfClass, Result } from './catalogue.js';
import {
  callMembers,
  codeOf,
  contentText,
  given,
  kindOf,
  plainMembers,
  resultOf,
  severityOf,
  type EventFacts,
  type Seal,
} from './facts.js';
import { apiActivity, controlOf, httpOf } from './ocsfApi.js';
import { applicationOf, authenticationOf, entityOf, findingOf } from './ocsfObjects.js';

/** `class_uid` of each class. The first digit is its `category_uid`. */
const CLASSES: Readonly<Record<OcsfClass, number>> = {
  detection_finding: 2004,
  authentication: 3002,
  entity_management: 3004,
  application_lifecycle: 6002,
  api_activity: 6003,
  application_error: 6008,
};
const STATUS: Readonly<Record<Result, number>> = { unknown: 0, success: 1, failure: 2 };

/** An event in the form of OCSF 1.8. */
export function toOcsf(event: AuditEvent, seal?: Seal): object {
  const kind = kindOf(event);
  const [name] = kind.ocsf;
  const { activity_id, ...special } = bodyOf(name, event, seal);
  const uid = CLASSES[name];
  return given({
    category_uid: Math.floor(uid / 1000),
    class_uid: uid,
    activity_id,
    type_uid: uid * 100 + activity_id,
    severity_id: severityOf(event),
    time: Date.parse(event.time),
    message: kind.text,
    ...statusOf(name, event),
    ...special,
    metadata: metadataOf(name, event, seal),
    unmapped: unmappedOf(event, seal),
  });
}

interface Body extends Readonly<Record<string, unknown>> {
  readonly activity_id: number;
}

function bodyOf(name: OcsfClass, event: EventFacts, seal: Seal | undefined): Body {
  const [, activity_id = 0, activity_name] = kindOf(event).ocsf;
  const activity = { activity_id, activity_name };
  switch (name) {
    case 'api_activity':
      return { ...activity, ...apiActivity(event), ...controlOf(event) };
    case 'authentication':
      return { ...activity, ...authenticationOf(event), ...httpOf(event), ...controlOf(event) };
    case 'entity_management':
      return { ...activity, ...entityOf(event) };
    case 'detection_finding':
      return { ...activity, ...findingOf(event, uidOf(seal)) };
    case 'application_lifecycle':
      return { ...activity, app: applicationOf(event) };
    case 'application_error':
      return activity;
  }
}

/** A finding has a status of another kind: it is new. */
function statusOf(name: OcsfClass, event: EventFacts): object {
  if (name === 'detection_finding') return { status_id: 1 };
  const result = resultOf(event);
  return {
    status_id: result === undefined ? undefined : STATUS[result],
    status_code: event.status === undefined ? undefined : String(event.status),
    status_detail: codeOf(event) ?? event.failure,
  };
}

function metadataOf(name: OcsfClass, { type, time, id }: EventFacts, seal: Seal | undefined): object {
  return given({
    version: '1.8.0',
    product: { name: 'mcp-etdi', vendor_name: 'mcp-etdi', feature: { name: 'audit' } },
    profiles: profilesOf(name),
    event_code: type,
    log_name: 'audit',
    log_provider: 'mcp-etdi',
    original_time: time,
    correlation_uid: id,
    uid: uidOf(seal),
    sequence: seal?.seq,
  });
}

function profilesOf(name: OcsfClass): readonly string[] | undefined {
  if (name === 'api_activity') return ['security_control', 'trace'];
  return name === 'authentication' || name === 'detection_finding' ? ['security_control'] : undefined;
}

function uidOf(seal: Seal | undefined): string | undefined {
  return seal && `${seal.chain}:${seal.seq}`;
}

/** What OCSF has no place for: the caller's rights, calls of tools, the place in the trail, what only some events have. */
function unmappedOf(event: AuditEvent, seal: Seal | undefined): object | undefined {
  const { access, detail, error, settings, signature }: EventFacts = event;
  const members = given({
    ...Object.fromEntries(plainMembers(event)),
    ...access,
    ...callMembers(event),
    signature_key: signature?.keyId,
    error_name: error?.name,
    error_code: error?.code,
    detail: contentText(detail),
    settings: contentText(settings),
    hash: seal?.hash,
    prev: seal?.prev,
    chain: seal?.chain,
  });
  return Object.keys(members).length === 0 ? undefined : members;
}
