// What the page on exchangeToken shows in a tool.
import { contextOf, type Actor } from '../../lib/index.js';

export function actorsOf(extra: object): readonly Actor[] {
  // #region actors
  const { auth } = contextOf(extra, 'auth').state;
  const { actors = [] } = auth; // [{ subject: 'files' }, { subject: 'reports' }], the current one first
  // #endregion
  return actors;
}
