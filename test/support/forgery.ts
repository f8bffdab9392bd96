import { createHash } from 'node:crypto';
import type { SealedRecord } from '../../lib/index.js';
import { GENESIS } from '../../lib/audit/line.js';
import { canonicalize } from '../../lib/json/canonical.js';

/** A record with other members, and the hash that belongs to them: what somebody can make who knows the format. */
export function forge(line: string, change: (sealed: SealedRecord) => object): string {
  const record = canonicalize(change(JSON.parse(line) as SealedRecord));
  return `{"hash":"${createHash('sha256').update(record).digest('hex')}","record":${record}}`;
}

/** All records from one on, changed and linked anew by somebody who may write the file and not sign. */
export function rewrite(lines: readonly string[], from: number): string[] {
  return chained(lines, from, ({ record }, prev) => ({ ...record, event: { ...record.event, name: 'other' }, prev }));
}

/** All records from one on, numbered and linked anew in the order in which they stand there. */
export function relink(lines: readonly string[], from: number): string[] {
  return chained(lines, from, ({ record }, prev, seq) => ({ ...record, prev, seq }));
}

function chained(
  lines: readonly string[],
  from: number,
  change: (sealed: SealedRecord, prev: string, seq: number) => object,
): string[] {
  return lines.slice(from).reduce<string[]>(
    (all, line) => {
      const prev = all.length === 0 ? GENESIS : (JSON.parse(all.at(-1) ?? '') as SealedRecord).hash;
      return [...all, forge(line, (sealed) => change(sealed, prev, all.length + 1))];
    },
    lines.slice(0, from),
  );
}
