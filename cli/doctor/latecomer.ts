import { member, type Members } from '../../lib/tokens/jwt.js';
import { canonicalResource } from '../../lib/url.js';
import { parameterOf, type Patient } from './ask.js';
import { broken, failed, ok, skipped, unknown, warning, type Finding } from './finding.js';
import type { Holder, Obstacle } from './holder.js';

const CHECK = 'expired_token';
/** Clocks differ: a token may be taken for so many seconds after its end. */
const TOLERANCE = 300;
const WANTED = 'pass a JWT for this endpoint whose exp is more than five minutes ago';

/** Looks at what a server makes of a token whose time is over, and that would be good otherwise. */
export async function lookAsLatecomer(patient: Patient, holder: Holder | undefined): Promise<readonly Finding[]> {
  if (holder === undefined) return skipped([CHECK], 'no such token was given with --expired-token-file');
  return [await judgeExpired(patient, holder)];
}

async function judgeExpired(patient: Patient, holder: Holder): Promise<Finding> {
  const useless = uselessness(patient, holder);
  if (useless !== undefined) return unknown(CHECK, useless.text, useless.fix);
  const { status, challenge } = await holder.ask();
  if (status < 400) {
    const fix = 'check the exp of tokens: authenticate(...)';
    return failed(CHECK, `The expired token was answered with ${status}.`, fix);
  }
  if (status === 401 && parameterOf(challenge, 'error') === 'invalid_token') {
    return ok(CHECK, 'The expired token is denied with 401 invalid_token, so clients fetch a new one.');
  }
  const text = `The expired token is denied with ${status}, so clients do not fetch a new one.`;
  return broken(CHECK, status) ?? warning(CHECK, text, 'answer 401 with error="invalid_token"');
}

/** Why the answer to a token would not say what becomes of expired ones: it may be denied, or accepted, for something else. */
function uselessness({ url }: Patient, { claims, obstacle }: Holder): Obstacle | undefined {
  if (claims === undefined) {
    return { text: 'What --expired-token-file holds is no JWT, so that nobody can tell when it ended.', fix: WANTED };
  }
  if (!isFor(claims, url)) return { text: 'The token of --expired-token-file is for another resource.', fix: WANTED };
  const exp = member(claims, 'exp');
  const age = typeof exp === 'number' ? Date.now() / 1000 - exp : NaN;
  if (!(age > 0)) return { text: 'The token of --expired-token-file has not expired.', fix: WANTED };
  if (age <= TOLERANCE) {
    return { text: 'The token of --expired-token-file expired less than five minutes ago.', fix: WANTED };
  }
  return obstacle;
}

function isFor(claims: Members, { href }: URL): boolean {
  const aud = [member(claims, 'aud')].flat();
  return aud.some((one) => typeof one === 'string' && canonicalResource(one) === canonicalResource(href));
}
