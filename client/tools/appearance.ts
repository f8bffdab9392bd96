import { DEFINITION, definitionOf, metaOf, type WireTool } from '../../lib/definitions/form.js';
import { isObject } from '../../lib/rpc.js';
import type { Approval } from './approval.js';
import type { Evidence } from './decide.js';

/** Whether title, icons and version are all that differs from what is approved, and the approval still holds. */
export function changesAppearance({ forms, expiresAt }: Approval, { tool, form, now }: Evidence): boolean {
  const before = forms[form]?.definition;
  return expiresAt > now && before !== undefined && definitionOf(plain(before)) === definitionOf(plain(tool));
}

function plain(tool: WireTool): WireTool {
  const { title: _title, icons: _icons, ...others } = tool;
  const meta = metaOf(tool);
  const stated = meta?.[DEFINITION];
  return { ...others, _meta: { ...meta, [DEFINITION]: isObject(stated) ? { ...stated, version: '' } : stated } };
}
