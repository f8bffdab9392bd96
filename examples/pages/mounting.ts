// What the page on mounting shows of a check of one's own.
import { Denial, type Middleware } from '../../lib/index.js';

// #region own
/** Only colleagues may call. It stands behind `authenticate`, or the list does not compile. */
export const colleagues: Middleware<'auth'> = {
  name: 'colleagues',
  needs: ['auth'], // what earlier checks must have proven
  adds: [], // what this one proves
  run(ctx) {
    const { claims } = ctx.state.auth;
    if (claims['department'] !== 'sales') throw new Denial(403, 'policy_denied', 'For colleagues only');
    return {}; // returning is the only way to let a request through
  },
};
// #endregion
