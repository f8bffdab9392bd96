import { diffLines } from '../../client/tools/diff.js';
import { compareVersions } from '../../client/tools/semver.js';
import { isVersion, statedBy, type WireForm } from '../../lib/definitions/form.js';
import { escapeText } from '../../lib/text.js';
import type { LockedTool } from './toolLock.js';

/** In what way a tool is not what is locked. */
export type DriftReason =
  | 'tool_added'
  | 'tool_removed'
  | 'form_added'
  | 'form_removed'
  /** Another definition under the same version, or without any. */
  | 'definition_changed'
  | 'version_new'
  | 'version_lower'
  | 'permissions_added';

export interface Drift {
  readonly reason: DriftReason;
  readonly tool: string;
  readonly form: WireForm;
  /** The version that is locked. */
  readonly locked?: string;
  /** The version that is served. */
  readonly served?: string;
  readonly diff: readonly string[];
}

/** What differs between what is locked and what is served. */
export function driftOf(locked: readonly LockedTool[], served: readonly LockedTool[]): readonly Drift[] {
  const [lockedNow, servedNow] = [indexOf(locked), indexOf(served)];
  const come = served.flatMap((tool) => judge(lockedNow, tool));
  const gone = locked
    .filter((tool) => !servedNow.forms.has(formOf(tool)))
    .map(({ name, form, version }) => {
      const reason = servedNow.names.has(name) ? 'form_removed' : 'tool_removed';
      return { reason, tool: name, form, locked: version, diff: [] } as const;
    });
  return [...come, ...unique(gone)];
}

interface Index {
  readonly names: ReadonlySet<string>;
  /** The versions of each tool in each form. */
  readonly forms: ReadonlyMap<string, readonly LockedTool[]>;
}

function indexOf(tools: readonly LockedTool[]): Index {
  const forms = new Map<string, LockedTool[]>();
  for (const tool of tools) {
    const versions = forms.get(formOf(tool));
    if (versions === undefined) forms.set(formOf(tool), [tool]);
    else versions.push(tool);
  }
  return { names: new Set(tools.map(({ name }) => name)), forms };
}

/** Tells a tool in one form from all others of its server. */
export function formOf({ name, form }: LockedTool): string {
  return `${form} ${name}`;
}

function judge({ names, forms }: Index, tool: LockedTool): readonly Drift[] {
  const known = forms.get(formOf(tool)) ?? [];
  // Of a tool with several versions the one counts whose definition is kept: it was locked last.
  const current = known.find(({ definition }) => definition !== undefined);
  const counted = current === undefined ? known : [current];
  if (counted.some(({ digest }) => digest === tool.digest)) return [];
  const before = current ?? known.find(({ version }) => version === tool.version) ?? known.at(-1);
  const common = { tool: tool.name, form: tool.form, served: tool.version };
  if (before === undefined) {
    const reason = names.has(tool.name) ? 'form_added' : 'tool_added';
    return [{ reason, ...common, diff: [] }];
  }
  const diff = before.definition === undefined ? [] : diffLines(before.definition, tool.definition);
  return [{ reason: reasonOf(before, tool), ...common, locked: before.version, diff }];
}

function reasonOf(before: LockedTool, now: LockedTool): DriftReason {
  if (!isVersion(before.version) || !isVersion(now.version)) return 'definition_changed';
  const order = compareVersions(now.version, before.version);
  if (order === 0) return 'definition_changed';
  if (order < 0) return 'version_lower';
  const held = new Set(permissionsOf(before));
  return permissionsOf(now).some((one) => !held.has(one)) ? 'permissions_added' : 'version_new';
}

/** What a tool says it needs. */
export function permissionsOf({ definition }: LockedTool): readonly string[] {
  return (definition === undefined ? undefined : statedBy(definition))?.permissions ?? [];
}

/** A file may hold several versions of a tool that is gone. */
function unique(drifts: readonly Drift[]): readonly Drift[] {
  const seen = new Set<string>();
  return drifts.filter(({ tool, form }) => seen.size !== seen.add(`${form} ${tool}`).size);
}

const SENTENCES: Readonly<Record<DriftReason, string>> = {
  tool_added: 'is new',
  tool_removed: 'is gone',
  form_added: 'has a further form',
  form_removed: 'has one form less',
  definition_changed: 'changed without a new version',
  version_new: 'is a new version',
  version_lower: 'is a lower version',
  permissions_added: 'is a new version with more permissions',
};

/** For people: a line for each tool and form, and indented below it what differs. */
export function describeDrift(drifts: readonly Drift[]): string {
  return drifts
    .map(({ reason, tool, form, locked, served, diff }) => {
      const versions = [locked, served].filter((one) => one !== undefined).map((one) => escapeText(one, 40));
      const head = `${escapeText(tool)} (${form}, ${versions.join(' -> ')}): ${SENTENCES[reason]} [${reason}]\n`;
      return `${head}${diff.map((line) => `  ${line}\n`).join('')}`;
    })
    .join('');
}
