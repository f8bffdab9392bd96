import type { ConfigurationEvent } from '../lib/audit/events.js';
import { openLoneSink } from '../lib/audit/loneSink.js';
import type { AuditedContent } from '../lib/audit/record.js';
import type { AuditSink } from '../lib/audit/sink.js';
import { trailOf } from '../lib/audit/trail.js';
import { readOptions } from '../lib/options.js';
import { defined } from '../lib/profile/defined.js';
import { measuresOf } from '../lib/profile/levels.js';
import { assertComplete } from '../lib/profile/needs.js';
import { settingsOf } from '../lib/profile/settings.js';
import { askedBy } from './profile/asked.js';
import { checksOf, type SecurityProfile } from './profile/checks.js';
import { OPTION_CHECKS } from './profile/optionChecks.js';
import type { SecurityProfileOptions } from './profile/options.js';

/**
 * The checks of a security level, ready to mount: `toExpress(...securityProfile({ level: 'basic', ... }))`.
 *
 * Options add to what a level has, and never take from it. What is in force is recorded once, as `configuration_loaded`.
 * @throws {TypeError} for an unknown level, for an option that would lower it, for what the checks say about their
 *   options, and, all at once, for whatever the level needs and was not given
 */
export function securityProfile(options: SecurityProfileOptions): SecurityProfile {
  const asked = readOptions<SecurityProfileOptions>('securityProfile', options, OPTION_CHECKS);
  const measures = measuresOf(asked.level, askedBy(asked));
  assertComplete(asked, measures);
  assertShared(asked);
  const revoked = asked.revoked ?? (measures.stores ? asked.stores?.revocations : undefined);
  const given = revoked === undefined ? asked : { ...asked, revoked };
  const profile = checksOf(given, measures);
  const names = profile.map(({ name }) => name);
  record(given, settingsOf(given, measures, names));
  return profile;
}

/** A store of its own would let each instance accept the same proof once. */
function assertShared({ stores, dpop }: SecurityProfileOptions): void {
  if (stores === undefined || dpop?.replay === undefined) return;
  throw new TypeError("securityProfile: 'dpop' must not have 'replay': 'stores' has it for all instances");
}

function record(
  { audit, auditing: how = {}, now = systemTime }: SecurityProfileOptions,
  settings: AuditedContent,
): void {
  const event: ConfigurationEvent = Object.freeze({
    v: 1,
    time: now().toISOString(),
    type: 'configuration_loaded',
    component: 'securityProfile',
    settings,
  });
  const trail = trailOf(audit);
  if (trail !== undefined) trail.put(event);
  else openLoneSink(audit as AuditSink, defined({ onError: how.onError, format: how.format, now }))(event);
}

const systemTime = (): Date => new Date();
