import { CERTIFICATE_ISSUER } from '../../mtls/callers.js';
import type { AuditedPrincipal } from '../record.js';
import { codeOf, given, kindOf, type EventFacts } from './facts.js';

/** A `user`: who was proven, or a name that somebody gave, or nobody known. */
export function userOf(principal: AuditedPrincipal | undefined, name = 'unknown'): object {
  if (principal === undefined) return { name, type_id: 0 };
  return { uid: principal.subject, name: principal.subject, domain: principal.issuer, type_id: 0 };
}

/** The attributes of class 3002, Authentication. */
export function authenticationOf(event: EventFacts): object {
  const { principal, signature } = event;
  return {
    user: userOf(principal, signature?.owner),
    service: { name: 'mcp' },
    is_remote: true,
    session: principal && { issuer: principal.issuer },
    ...protocolOf(event),
  };
}

function protocolOf(event: EventFacts): object {
  if (event.type === 'signature_verified') return { auth_protocol_id: 99, auth_protocol: 'HTTP Message Signatures' };
  const { principal } = event;
  const [, way] = /^(token|proof|certificate)_/.exec(codeOf(event) ?? '') ?? [];
  if (way === 'certificate' || principal?.issuer === CERTIFICATE_ISSUER) {
    return { auth_protocol_id: 99, auth_protocol: 'Mutual TLS' };
  }
  return way === undefined && principal === undefined ? {} : { auth_protocol_id: 6, auth_protocol: 'OAUTH 2.0' };
}

/** The attributes of class 3004, Entity Management. */
export function entityOf({ tool, version, keyId, component, actor, approver }: EventFacts): object {
  const [type, name] =
    tool !== undefined ? ['tool', tool] : keyId !== undefined ? ['key', keyId] : ['configuration', component];
  const person = approver ?? actor;
  return {
    entity: given({ name, uid: name, type, type_id: 99, version }),
    actor: person === undefined ? undefined : { user: userOf(undefined, person) },
  };
}

/** The attributes of class 2004, Detection Finding. */
export function findingOf(event: EventFacts, uid: string | undefined): object {
  const { text, alert = false } = kindOf(event);
  const { type, tool = 'unknown', version, digest, server, outcome } = event;
  const resource = given({ name: tool, type: 'tool', version });
  return {
    finding_info: given({
      uid: uid ?? `${type}:${tool}:${event.time}`,
      title: text,
      types: [type],
      created_time: Date.parse(event.time),
    }),
    is_alert: alert && outcome !== 'ask',
    action_id: outcome === 'deny' ? 2 : undefined,
    resources: [resource],
    evidences: [{ data: JSON.stringify(given({ tool, version, digest, server })), resources: [resource] }],
  };
}

/** What started, stopped, or went on. */
export function applicationOf({ type, name, version, instance }: EventFacts): object {
  return type.startsWith('trail_')
    ? given({ name: 'mcp-etdi audit trail', vendor_name: 'mcp-etdi', uid: instance })
    : given({ name, version });
}
