import { readCompact } from '../../definitions/compact.js';
import { fromBase64url } from '../../base64url.js';
import { readStrictJson } from '../../json/strict.js';
import { isObject } from '../../rpc.js';
import type { Checkpoint, SealedRecord } from '../line.js';
import { readCheckpoint } from '../trail/checkpoint.js';
import type { TrailReport } from '../verifyTrail.js';
import { Latest } from './bounded.js';

/** A record that says which log it is of. */
export interface Landmark {
  readonly seq: number;
  readonly hash: string;
  readonly time: number | undefined;
}

/** What was in force from some time on. */
export interface Configuration {
  readonly time: number | undefined;
  readonly type: string;
  readonly component: string;
  readonly actor: string;
  /** By name, as far as they are settings: somebody may have changed the file. */
  readonly settings: readonly (readonly [name: string, value: string])[];
}

const MOST_CONFIGURATIONS = 20;
const MOST_SETTINGS = 50;
const MOST_KEYS = 50;

/** What ties a page to a log: read along with the figures. */
export class LogFacts {
  first: Landmark | undefined;
  last: Landmark | undefined;
  readonly configurations: Latest<Configuration> = new Latest<Configuration>(MOST_CONFIGURATIONS);
  /** The keys that the checkpoints in the log name. */
  readonly keyIds: Set<string> = new Set<string>();

  add({ hash, record }: SealedRecord): void {
    const event: unknown = record.event;
    const members = isObject(event) ? event : {};
    const { type, jws } = members;
    this.last = { seq: record.seq, hash, time: timeOf(members['time']) };
    this.first ??= this.last;
    if (type === 'configuration_loaded' || type === 'configuration_changed')
      this.configurations.add(configurationOf(members, type));
    if (type === 'trail_checkpoint' && this.keyIds.size < MOST_KEYS) addTo(this.keyIds, keyIdOf(jws));
  }
}

/** The kept checkpoints that were compared with a record, or with what the first says of the one before, newest first. */
export function comparedOf(report: TrailReport, kept: readonly (Checkpoint | string)[]): readonly Checkpoint[] {
  const [from, until] = [(report.first?.seq ?? 1) - 1, report.last?.seq ?? 0];
  const read = kept.map((one) => readCheckpoint(typeof one === 'string' ? one.trim() : one.jws));
  const found = read.filter(
    (one) => one?.chain === report.chain && one !== undefined && one.seq >= from && one.seq <= until,
  );
  return found.filter((one) => one !== undefined).sort((a, b) => b.seq - a.seq);
}

/** The thumbprint in the header of a checkpoint. Which key signed it, only where that was verified. */
export function keyIdOf(jws: unknown): string | undefined {
  const header = fromBase64url(readCompact(jws)?.signature.protected ?? '');
  const members = readStrictJson(header?.toString() ?? '');
  return isObject(members) && typeof members['kid'] === 'string' ? members['kid'] : undefined;
}

function configurationOf(members: Readonly<Record<string, unknown>>, type: string): Configuration {
  const { time, component, actor, settings } = members;
  const value = isObject(settings) && isObject(settings['value']) ? settings['value'] : settings;
  const entries = isObject(value) ? Object.entries(value).slice(0, MOST_SETTINGS) : [];
  return {
    type,
    time: timeOf(time),
    component: textOf(component ?? ''),
    actor: textOf(actor ?? ''),
    settings: entries.map(([name, one]) => [name, textOf(one)]),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function timeOf(value: unknown): number | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(time) ? undefined : time;
}

function addTo(set: Set<string>, value: string | undefined): void {
  if (value !== undefined) set.add(value);
}
