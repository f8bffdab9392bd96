import { expect } from 'chai';
import { formatEvent, type Seal } from '../../../../lib/audit/formats/index.js';
import type { AuditEvent, AuditEventType, DenialEvent } from '../../../../lib/audit/events.js';
import { CERTIFICATE_ISSUER } from '../../../../lib/mtls/callers.js';
import { everyEvent, everyOutcome } from '../../../support/auditEvents.js';

type Members = Record<string, unknown>;

const SEAL: Seal = {
  hash: 'ab'.repeat(32),
  prev: '0'.repeat(64),
  chain: '5b0f1c9e-6b0c-4a33-9f3a-7e9f3c0c9f11',
  seq: 3,
};

/** OCSF 1.8.0: what every event must have, and each class besides, by path. */
const BASE = [
  ...['activity_id', 'category_uid', 'class_uid', 'type_uid', 'severity_id', 'time'],
  ...['metadata.version', 'metadata.product.name', 'metadata.product.vendor_name'],
];
const CLASSES: Record<number, { category: number; activities: number[]; required: string[]; oneOf?: string[] }> = {
  2004: { category: 2, activities: [0, 1, 2, 3, 99], required: ['finding_info.uid', 'finding_info.title'] },
  3002: {
    category: 3,
    activities: [0, 1, 2, 3, 4, 5, 6, 7, 99],
    required: ['user.name'],
    oneOf: ['service', 'dst_endpoint'],
  },
  3004: { category: 3, activities: [...Array(14).keys(), 99], required: ['entity.name'] },
  6002: { category: 6, activities: [...Array(9).keys(), 99], required: ['app.name'] },
  6003: {
    category: 6,
    activities: [0, 1, 2, 3, 4, 99],
    required: ['actor.user.name', 'api.operation', 'src_endpoint'],
  },
  6008: { category: 6, activities: [0, 1, 2, 99], required: [] },
};
/** OCSF 1.8.0: the values that the numbers of these attributes may have. */
const ENUMS: Record<string, number[]> = {
  severity_id: [0, 1, 2, 3, 4, 5, 6, 99],
  action_id: [0, 1, 2, 99],
  disposition_id: [...Array(28).keys(), 99],
  auth_protocol_id: [...Array(13).keys(), 99],
};

function ocsf(event: AuditEvent, seal?: Seal): Members {
  return JSON.parse(JSON.stringify(formatEvent('ocsf', event, seal))) as Members;
}

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((one, name) => (one as Members | undefined)?.[name], value);
}

describe('formatEvent as OCSF', () => {
  for (const [name, event] of [
    ...Object.entries(everyEvent()),
    ...everyOutcome().map((one, index) => [`request of kind ${index}`, one] as const),
  ]) {
    it(`gives ${name} every attribute that its class requires`, () => {
      for (const value of [ocsf(event), ocsf(event, SEAL)]) {
        const { class_uid, activity_id, category_uid, type_uid, activity_name } = value as Record<string, number>;
        const fixture = CLASSES[class_uid!]!;
        expect(fixture, `class ${class_uid}`).to.exist;
        for (const path of [...BASE, ...fixture.required]) expect(at(value, path), path).to.exist.and.not.equal('');
        expect(category_uid).to.equal(fixture.category);
        expect(fixture.activities).to.include(activity_id!);
        expect(type_uid).to.equal(class_uid! * 100 + activity_id!);
        if (activity_id === 99) expect(activity_name).to.be.a('string');
        if (fixture.oneOf !== undefined) expect(fixture.oneOf.some((path) => path in value)).to.equal(true);
        for (const [path, known] of Object.entries(ENUMS)) {
          if (path in value) expect(known, path).to.include(value[path]);
        }
        expect(value['time']).to.equal(Date.parse(event.time));
        expect(at(value, 'metadata.version')).to.equal('1.8.0');
        expect(at(value, 'metadata.event_code')).to.equal(event.type);
      }
    });
  }

  const classes: Partial<Record<AuditEventType, readonly [classUid: number, activity: number]>> = {
    request: [6003, 99],
    discovery_requested: [6003, 2],
    call_started: [6003, 99],
    authentication_succeeded: [3002, 1],
    authentication_failed: [3002, 1],
    authorization_failed: [6003, 99],
    replay_detected: [6003, 99],
    definition_changed: [2004, 1],
    approval_granted: [3004, 8],
    approval_revoked: [3004, 9],
    key_generated: [3004, 1],
    key_activated: [3004, 10],
    key_revoked: [3004, 4],
    server_started: [6002, 3],
    server_stopped: [6002, 4],
    trail_gap: [6008, 1],
  };
  for (const [name, [classUid, activity]] of Object.entries(classes)) {
    it(`maps ${name} to ${classUid}, activity ${activity}`, () => {
      const value = ocsf(everyEvent()[name as AuditEventType]);
      expect([value['class_uid'], value['activity_id']]).to.deep.equal([classUid, activity]);
    });
  }

  it('says what was asked for, by whom, from where, and how it ended', () => {
    const value = ocsf(everyEvent().authorization_failed);
    expect(value).to.deep.include({ status_id: 2, status_code: '403', status_detail: 'scope_insufficient' });
    expect(value).to.deep.include({ action_id: 2, disposition_id: 26, is_alert: false, severity_id: 3 });
    expect(value['src_endpoint']).to.deep.equal({ ip: '192.0.2.7' });
    expect(at(value, 'actor.user')).to.deep.include({ uid: 'ann', domain: 'https://as.example.com' });
    expect(at(value, 'api.operation')).to.equal('report');
    expect(at(value, 'api.request.uid')).to.equal('id-ann');
    expect(value['unmapped']).to.deep.include({ required: ['file:delete'], missing: ['file:delete'] });
  });

  const results: [outcome: number, status: number, action: number][] = [
    [0, 1, 1],
    [1, 2, 2],
    [2, 2, 1],
    [3, 0, 1],
  ];
  for (const [index, status, action] of results) {
    it(`gives a request that was ${everyOutcome()[index]!.outcome} the status ${status} and the action ${action}`, () => {
      const value = ocsf(everyOutcome()[index]!);
      expect([value['status_id'], value['action_id']]).to.deep.equal([status, action]);
    });
  }

  it('takes a tool that waits for its approval for no alert', () => {
    const event = { ...everyEvent().definition_refused, outcome: 'ask' } as AuditEvent;
    expect(ocsf(event)).to.deep.include({ is_alert: false, severity_id: 2 }).and.not.have.property('action_id');
  });

  it('marks violations as alerts, and other denials not', () => {
    const events = everyEvent();
    const alerts = Object.values(events).filter((event) => ocsf(event)['is_alert'] === true);
    expect(alerts.map(({ type }) => type)).to.have.members([
      ...['signature_failed', 'replay_detected', 'header_mismatched', 'call_chain_violated', 'session_denied'],
      ...['origin_denied', 'definition_denied', 'definition_changed', 'definition_refused'],
    ]);
  });

  it('takes what is no address for a name, and never for an address', () => {
    const { request } = everyEvent() as { request: Extract<AuditEvent, { type: 'request' }> };
    for (const ip of ['unknown', '192.0.2.7, 10.0.0.1', '999.1.1.1', '']) {
      const value = ocsf({ ...request, http: { ...request.http, ip } });
      expect(value['src_endpoint']).to.deep.equal({ name: ip === '' ? 'unknown' : ip });
    }
    const value = ocsf({ ...request, http: { ...request.http, ip: '2001:db8::1' } });
    expect(value['src_endpoint']).to.deep.equal({ ip: '2001:db8::1' });
  });

  const ways: [name: string, code: string, issuer: string | undefined, protocol: number | undefined][] = [
    ['a token', 'token_invalid', undefined, 6],
    ['a proof of its key', 'proof_missing', undefined, 6],
    ['a certificate', 'certificate_invalid', undefined, 99],
    ['a certificate that was proven', 'authentication_insufficient', CERTIFICATE_ISSUER, 99],
    ['a token that was proven', 'authentication_insufficient', 'http://127.0.0.1:1', 6],
    ['nothing that is known', 'caller_unproven', undefined, undefined],
  ];
  for (const [name, code, issuer, protocol] of ways) {
    it(`says by which protocol a caller came with ${name}`, () => {
      const { principal: _principal, ...unproven } = everyEvent().authentication_failed as DenialEvent;
      const principal = issuer === undefined ? {} : { principal: { issuer, subject: 'ann', clientId: 'ann' } };
      expect(ocsf({ ...unproven, ...principal, code })['auth_protocol_id']).to.equal(protocol);
    });
  }

  it('names the operation of a batch so, and lists all that it asks for', () => {
    const { request } = everyEvent() as { request: Extract<AuditEvent, { type: 'request' }> };
    const rpc = [
      { kind: 'request', id: 1, method: 'tools/call', tool: 'a' },
      { kind: 'request', id: 2, method: 'resources/read', resource: 'file:///b' },
      { kind: 'request', id: 3, method: 'prompts/get', prompt: 'c' },
      { kind: 'notification', method: 'notifications/cancelled' },
    ] as const;
    const value = ocsf({ ...request, rpc });
    expect(at(value, 'api.operation')).to.equal('batch');
    expect(value['resources']).to.deep.equal([
      { name: 'a', type: 'tool' },
      { name: 'file:///b', type: 'resource' },
      { name: 'c', type: 'prompt' },
    ]);
  });

  it('leaves an HTTP method out that OCSF does not know', () => {
    const { request } = everyEvent() as { request: Extract<AuditEvent, { type: 'request' }> };
    const value = ocsf({ ...request, http: { ...request.http, method: 'BREW' } });
    expect(at(value, 'http_request.http_method')).to.equal(undefined);
    expect(at(ocsf(request), 'http_request.http_method')).to.equal('POST');
  });

  it('says the place in the trail, where there is one', () => {
    const value = ocsf(everyEvent().request, SEAL);
    expect(value['metadata']).to.deep.include({ uid: `${SEAL.chain}:3`, sequence: 3, correlation_uid: 'id-ann' });
    expect(value['unmapped']).to.deep.include({ hash: SEAL.hash, prev: SEAL.prev, chain: SEAL.chain });
    expect(at(ocsf(everyEvent().request), 'metadata.sequence')).to.equal(undefined);
  });
});
