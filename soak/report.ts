// What a run came to, for people, and what must hold of it.
import { cpus, loadavg } from 'node:os';
import type { Kind } from './kind.js';
import type { SoakReport } from './soak.js';
import type { Tally } from './tally.js';

/** Something that must hold, and what is there instead. */
export interface Must {
  readonly name: string;
  readonly value: number;
}

/** All of these are 0. */
export function musts({ tally, crashes, trail }: SoakReport): readonly Must[] {
  return [
    { name: 'wrongly allowed, at any time', value: tally.total('wrongly allowed') },
    { name: 'wrongly denied, but for 503 while something was down', value: tally.total('wrongly denied') },
    { name: 'denied for another reason than was right', value: tally.total('other reason') },
    { name: 'processes that crashed', value: crashes },
    { name: 'served and not in the audit trail', value: trail.unrecorded },
    { name: 'denied and let through in the audit trail', value: trail.admitted.length },
    { name: 'faults in the audit trail', value: trail.findings.length },
  ];
}

export function isSound(report: SoakReport): boolean {
  return musts(report).every(({ value }) => value === 0);
}

export function describe(report: SoakReport): string {
  const { tally, faults, trail, seconds, disk, held, late, errors } = report;
  const outages = faults.windows.map(({ name, from, to }) => `  ${name}: ${((to - from) / 1000).toFixed(1)} s`);
  return [
    ...(['good', 'bad', 'hostile'] as const).flatMap((group) => ['', `${group} requests`, ...kinds(tally, group)]),
    '',
    `${tally.judged()} requests in ${seconds} s: ${tally.judged('good')} good, ${tally.judged('bad')} bad, ` +
      `${tally.judged('hostile')} hostile; ${held} held back by the generator, which was late by ${late.toFixed(0)} ms at the most`,
    'down, time to recover included:',
    ...outages,
    `  the disk of the audit trail is ${disk}`,
    'changed without being felt:',
    ...faults.happened.map((name) => `  ${name}`),
    `answered with 503 while something was down: ${tally.total('unavailable')}`,
    ...memory(report),
    `audit trail: ${trail.records} records, ${trail.lost} events lost; ${errors.lines} lines on standard error`,
    ...errors.describe().map((text) => `  ${text}`),
    '',
    ...musts(report).map(({ name, value }) => `${value === 0 ? 'ok  ' : 'FAIL'} ${name}: ${value}`),
    ...tally.wrong.map((text) => `  ${text}`),
    ...trail.findings.slice(0, 5).map((text) => `  ${text}`),
    ...trail.admitted.slice(0, 5).map((id) => `  let through: ${id}`),
  ].join('\n');
}

function kinds(tally: Tally, group: Kind['group']): readonly string[] {
  return tally.lines
    .filter(({ kind }) => kind.group === group)
    .map(({ kind, counts }) => {
      const right = `${counts.right} as expected`.padEnd(20);
      const rest = Object.entries(counts).filter(([worth, count]) => worth !== 'right' && count > 0);
      const told = rest.map(([worth, count]) => `${count} ${worth}`).join(', ');
      return `  ${kind.name.padEnd(44)} ${right} ${told}`.trimEnd();
    });
}

function memory({ warm, end }: SoakReport): readonly string[] {
  if (warm === undefined || end === undefined) return ['no figures: the process is gone'];
  const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
  const { p50, p99, p999, max } = end.delay;
  return [
    `heap after a forced collection: ${megabytes(warm.heapUsed)} MB once warm, ${megabytes(end.heapUsed)} MB at the end, ` +
      `growth ${megabytes(end.heapUsed - warm.heapUsed)} MB; resident ${megabytes(end.rss)} MB`,
    `event loop delay in ms, 10 of them the interval of the measurement: p50 ${p50}, p99 ${p99}, p99.9 ${p999}, max ${max}`,
    `load of the machine in the last minute: ${loadavg()[0]?.toFixed(1) ?? ''} on ${cpus().length} processors`,
    `CPU of the server: ${((end.cpuMs - warm.cpuMs) / 1000).toFixed(1)} s`,
  ];
}
