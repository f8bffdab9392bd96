import { expect } from 'chai';
import { auditAccess, auditDecision } from '../../../lib/audit/detail.js';
import { ownDigestKey, Privacy } from '../../../lib/audit/privacy.js';
import type { AuditedDecision, Decision } from '../../../lib/index.js';
import { fakeContext } from '../../../lib/testing.js';

function deny(extra: { readonly detail?: Readonly<Record<string, unknown>>; readonly cause?: unknown }): Decision {
  return { middleware: 'm', effect: 'deny', ms: 0.25, status: 403, code: 'role_insufficient', ...extra };
}

const errorOf = (cause: unknown): AuditedDecision['error'] => auditDecision(deny({ cause })).error;

describe('auditDecision', () => {
  it('records an allowing verdict with its name and time', () => {
    const decision: Decision = { middleware: 'authenticate', effect: 'allow', ms: 0.0004 };
    expect(auditDecision(decision)).to.deep.equal({ middleware: 'authenticate', effect: 'allow', ms: 0 });
  });

  it('records a denial with status and code', () => {
    const expected = { middleware: 'm', effect: 'deny', ms: 0.25, status: 403, code: 'role_insufficient' };
    expect(auditDecision(deny({}))).to.deep.equal(expected);
  });

  it('records those members of the detail that are known to be harmless', () => {
    const detail = { kind: 'tool', reason: 'expired', claim: 'exp', roles: ['admin', 'auditor'] };
    expect(auditDecision(deny({ detail })).detail).to.deep.equal(detail);
  });

  it('records no other member of the detail, and none of a kind that is not known', () => {
    const detail = {
      token: 'CANARY',
      authorization: 'CANARY',
      Reason: 'CANARY',
      constructor: 'CANARY',
      reason: { token: 'CANARY' },
      claim: () => 'CANARY',
      roles: [['CANARY'], { a: 'CANARY' }, 'auditor', Symbol('CANARY')],
      kind: NaN,
    };
    expect(auditDecision(deny({ detail })).detail).to.deep.equal({ roles: ['auditor'] });
    const polluted = JSON.parse('{"__proto__":{"reason":"CANARY"}}') as Record<string, unknown>;
    expect(auditDecision(deny({ detail: polluted }))).to.not.have.property('detail');
    const endless = { roles: Array.from({ length: 10_000 }, () => 'r') };
    expect(auditDecision(deny({ detail: endless })).detail?.['roles']).to.have.lengthOf(50);
  });

  it('records of an error its name and the first code along its causes', () => {
    const refused = Object.assign(new Error('connect to CANARY'), { code: 'ECONNREFUSED' });
    expect(errorOf(new TypeError('fetch failed', { cause: refused }))).to.deep.equal({
      name: 'TypeError',
      code: 'ECONNREFUSED',
    });
    expect(errorOf(Object.assign(new Error(), { name: 'JWTExpired', code: 'ERR_JWT_EXPIRED' }))).to.deep.equal({
      name: 'JWTExpired',
      code: 'ERR_JWT_EXPIRED',
    });
  });

  it('records of an error nothing that could be a text', () => {
    const table: readonly unknown[] = [
      Object.assign(new Error('CANARY'), { name: 'CANARY text', code: 'canary' }),
      Object.assign(new Error('x'), { name: '', code: 'CANARY\n' }),
      Object.assign(new Error('x'), { name: 'a'.repeat(65), code: 'A'.repeat(65) }),
      Object.assign(new Error('x'), { name: 7, code: ['CANARY'] }),
      { name: { toString: () => 'CANARY' } },
      'CANARY',
      Symbol('CANARY'),
      null,
      Object.create(null),
    ];
    for (const cause of table) expect(errorOf(cause)).to.deep.equal({ name: 'unknown' });
  });

  it('comes to an end with causes that go round in circles', () => {
    const error = new Error('a');
    error.cause = error;
    expect(errorOf(error)).to.deep.equal({ name: 'Error' });
  });
});

describe('auditAccess', () => {
  const privacy = new Privacy(
    { arguments: 'none', results: 'none', key: ownDigestKey() },
    fakeContext({ headers: { cookie: 'sid=9f8e7d6c5b4a' } }).request,
  );
  const proven = { required: ['file:read'], granted: ['file:*'] };
  const detail = { kind: 'tool', required: ['a', 'b'], granted: ['a'], missing: ['b'] };

  it('is what the access check proved', () => {
    expect(auditAccess([], proven, privacy)).to.deep.equal(proven);
  });

  it('is what a denial says, which does not repeat it in its detail', () => {
    const decision = deny({ detail });
    expect(auditAccess([decision], undefined, privacy)).to.deep.equal({
      required: ['a', 'b'],
      granted: ['a'],
      missing: ['b'],
    });
    expect(auditDecision(decision).detail).to.deep.equal({ kind: 'tool' });
  });

  it('is what a denial says, even when an earlier check had proven something', () => {
    expect(auditAccess([deny({ detail })], proven, privacy)?.required).to.deep.equal(['a', 'b']);
  });

  it('is absent where no check compared anything', () => {
    expect(auditAccess([], undefined, privacy)).to.equal(undefined);
    const others = [deny({}), deny({ detail: { required: 'a' } }), deny({ detail: { kind: 'tool' } })];
    expect(auditAccess(others, undefined, privacy)).to.equal(undefined);
  });

  it('holds nothing that the client proves itself with, and no secret, where a policy puts what was sent into it', () => {
    const secrets = ['read:9f8e7d6c5b4a', 'read:AKIAIOSFODNN7EXAMPLE', 'read:a'];
    const masked = ['read:[masked]', 'read:[masked]', 'read:a'];
    const denied = deny({ detail: { required: secrets, granted: secrets, missing: secrets } });
    expect(auditAccess([denied], undefined, privacy)).to.deep.equal({
      required: masked,
      granted: masked,
      missing: masked,
    });
    const frozen = Object.freeze([...secrets]);
    for (const required of [secrets, frozen, frozen]) {
      expect(auditAccess([], { required, granted: ['read:a'] }, privacy)?.required).to.deep.equal(masked);
    }
  });
});
