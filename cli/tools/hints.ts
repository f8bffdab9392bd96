import type { WireTool } from '../../lib/definitions/form.js';
import { escapeUnits } from '../../lib/text.js';
import { show } from '../../client/tools/diff.js';

/** Something in a tool that a person should look at. It proves nothing, and neither does its absence. */
export interface Hint {
  readonly kind: 'bidirectional' | 'hidden' | 'control' | 'look_alike' | 'blank_run' | 'instruction';
  /** Where it stands, such as `inputSchema.properties.path.description`. */
  readonly path: string;
  /** The text around it, escaped. */
  readonly excerpt: string;
}

const MOST_OF_A_KIND = 20;
const ONE_NAME = /^[\x20-\x7e]*$/;
const SIGNS: readonly (readonly [Hint['kind'], RegExp])[] = [
  ['bidirectional', /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u],
  ['hidden', /[\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u],
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  ['control', /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/u],
  ['blank_run', /[\s\u00a0\u2800\u3000]{24}/u],
  ['instruction', /\b(?:ignore|disregard|forget)\b.{0,40}\b(?:previous|prior|above|other|all|earlier)\b/isu],
  ['instruction', /\b(?:do not|don't|never)\b.{0,30}\b(?:tell|mention|inform|show|reveal|ask)\b.{0,30}\buser\b/isu],
  ['instruction', /<\s{0,8}\/?\s{0,8}(?:important|system|instructions?|secret|admin)\b/isu],
  ['instruction', /\b(?:before|after|instead of|whenever)\b.{0,30}\b(?:using|calling|invoking)\b.{0,30}\btools?\b/isu],
  ['instruction', /\bsystem prompt\b|\byou (?:must|have to) (?:first|always|never)\b/isu],
  ['instruction', /~\/\.(?:ssh|aws|config|netrc|cursor)|\bid_rsa\b|(?:^|[\s"'`/])\.env\b|\/etc\/passwd/isu],
];

/** What stands out in the texts of a tool, its names included. Of each kind the first ones: nobody reads on, and many of one kind hide no other. */
export function hintsOf(tool: WireTool): readonly Hint[] {
  const hints: Hint[] = [];
  const { name } = tool;
  if (typeof name === 'string' && !ONE_NAME.test(name))
    hints.push({ kind: 'look_alike', path: 'name', excerpt: spell(name) });
  const told = new Set<string>();
  const counts = new Map<Hint['kind'], number>();
  for (const [path, text] of textsOf(tool, '')) {
    for (const [kind, pattern] of SIGNS) {
      const at = pattern.exec(text)?.index;
      if (at === undefined || told.size === told.add(`${kind} ${path}`).size) continue;
      const count = counts.get(kind) ?? 0;
      counts.set(kind, count + 1);
      if (count >= MOST_OF_A_KIND) continue;
      hints.push({ kind, path, excerpt: show(text.slice(Math.max(0, at - 20), at + 60), 120) });
    }
  }
  return hints;
}

/** Letters that look like others are told by their number. */
function spell(name: string): string {
  return show(name).replace(/[^\x20-\x7e]/g, escapeUnits);
}

function* textsOf(value: unknown, path: string): Generator<readonly [path: string, text: string]> {
  if (typeof value === 'string') yield [path, value];
  if (typeof value !== 'object' || value === null) return;
  for (const [name, one] of Object.entries(value)) {
    const at = Array.isArray(value)
      ? `${path}[${name}]`
      : `${path}${path === '' ? '' : '.'}${show(name, 48).slice(1, -1)}`;
    if (!Array.isArray(value)) yield [at, name];
    yield* textsOf(one, at);
  }
}
