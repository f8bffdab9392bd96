import type { AuditEvent } from '../events.js';
import { toEcs } from './ecs.js';
import type { Seal } from './facts.js';
import { toOcsf } from './ocsf.js';

/** How events are written: as they are, as OCSF 1.8 (Open Cybersecurity Schema Framework), or as ECS 9.4 (Elastic Common Schema). */
export type AuditFormat = 'native' | 'ocsf' | 'ecs';

export const AUDIT_FORMATS: readonly AuditFormat[] = ['native', 'ocsf', 'ecs'];

/**
 * The object that stands for an event, and where it is part of a trail for its place there. Nothing but JSON, with names
 * of fields that no client can choose.
 */
export function formatEvent(format: AuditFormat, event: AuditEvent, seal?: Seal): object {
  if (format === 'ocsf') return toOcsf(event, seal);
  if (format === 'ecs') return toEcs(event, seal);
  if (seal === undefined) return event;
  const { hash, chain, prev, seq } = seal;
  return { hash, record: { chain, event, prev, seq } };
}

export type { Seal } from './facts.js';
