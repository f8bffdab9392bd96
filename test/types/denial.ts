// Compiled, never run: a denial has the status that its code was declared with.
import { Denial, type DenialCode } from '../../lib/denial.js';

declare module '../../lib/denial.js' {
  interface DenialCodes {
    test_missing: 401;
    test_invalid: 403;
  }
}

export const missing = new Denial(401, 'test_missing', 'Nothing came');
export const invalid = new Denial(403, 'test_invalid', 'It is wrong', { policy: true, rpcCode: -32001 });
export const status: 401 = missing.status;
export const code: 'test_invalid' = invalid.code;

// @ts-expect-error the status of this code is 401
export const wrongStatus = new Denial(403, 'test_missing', 'Nothing came');
// @ts-expect-error no such code
export const wrongCode = new Denial(401, 'type_mising', 'Nothing came');
// @ts-expect-error the message goes to the client, so it is written out
export const silent = new Denial(401, 'test_missing');
// @ts-expect-error no such option
export const wrongOption = new Denial(401, 'test_missing', 'Nothing came', { header: {} });

export const codes: readonly DenialCode[] = ['test_missing', 'body_too_large', 'rpc_malformed', 'header_mismatch'];
