import { denialText, type Entry } from '../../lib/audit/report/entry.js';
import { showText } from '../../lib/text.js';

/** One line for people, of a record that may hold anything. */
export function describeEntry(entry: Entry): string {
  const { time, outcome, type, status, code, caller, targets, ip, missing, note } = entry;
  const what = [...new Set(targets.map(({ kind, name }) => (kind === 'method' ? name : `${kind} ${name}`)))];
  const parts = [
    (outcome === undefined ? type : `request ${outcome}`).padEnd(24),
    caller === '' ? '' : `by ${caller}`,
    what.slice(0, 5).join(', '),
    what.length > 5 ? `and ${what.length - 5} more` : '',
    ip === '' ? '' : `from ${ip}`,
    code === undefined ? '' : `denied: ${denialText(entry)}`,
    missing.length === 0 ? '' : `missing ${missing.join(' ')}`,
    status === undefined ? '' : `status ${status}`,
    note,
  ];
  const text = parts.filter((part) => part !== '').map((part) => showText(part, 200));
  return `${timeOf(time)}  ${text.join('  ')}\n`;
}

function timeOf(time: number | undefined): string {
  return time === undefined ? '-'.padEnd(24) : new Date(time).toISOString();
}
