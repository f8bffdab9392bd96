import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { canonicalize } from '../../lib/json/canonical.js';
import { GENESIS, lineText, recordText } from '../../lib/audit/line.js';

const CHAIN = '5b0f1c9e-6b0c-4a33-9f3a-7e9f3c0c9f11';

/** The lines of a trail that holds these events, whatever they are. */
export function trailLines(events: readonly object[]): string[] {
  let prev = GENESIS;
  return events.map((event, index) => {
    const record = recordText(CHAIN, canonicalize(event), prev, index + 1);
    prev = createHash('sha256').update(record).digest('hex');
    return lineText(prev, record);
  });
}

export async function writeTrail(file: string, events: readonly object[]): Promise<void> {
  await writeFile(
    file,
    trailLines(events)
      .map((line) => `${line}\n`)
      .join(''),
  );
}
