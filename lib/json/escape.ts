import { escapeUnits } from '../text.js';

const NOT_SEEN = /(?!\n)[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * The same JSON for terminals and reviews: control, bidirectional and invisible characters, which `JSON.stringify` leaves
 * as they are from U+007F on, become `\uXXXX`.
 */
export function escapeJson(json: string): string {
  return json.replace(NOT_SEEN, escapeUnits);
}
