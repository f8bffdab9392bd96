import { expect } from 'chai';
import { formatEvent, type Seal } from '../../../../lib/audit/formats/index.js';
import type { AuditEvent } from '../../../../lib/audit/events.js';
import { everyEvent, everyOutcome } from '../../../support/auditEvents.js';

type Members = Record<string, unknown>;

const SEAL: Seal = {
  hash: 'ab'.repeat(32),
  prev: '0'.repeat(64),
  chain: '5b0f1c9e-6b0c-4a33-9f3a-7e9f3c0c9f11',
  seq: 3,
};

/** ECS 9.4: the types that events of a category are expected to have. */
const TYPES: Record<string, string[]> = {
  api: [...['access', 'admin', 'allowed', 'change', 'creation', 'deletion', 'denied', 'end', 'info', 'start', 'user']],
  authentication: ['start', 'end', 'info'],
  configuration: ['access', 'change', 'creation', 'deletion', 'info'],
  iam: ['admin', 'change', 'creation', 'deletion', 'group', 'info', 'user'],
  intrusion_detection: ['allowed', 'denied', 'info'],
  process: ['access', 'change', 'end', 'info', 'start'],
};
const KINDS = ['alert', 'asset', 'enrichment', 'event', 'metric', 'state', 'pipeline_error'];
const OUTCOMES = ['success', 'failure', 'unknown', undefined];
/** The field sets of ECS 9.4 that are used, and the fields of each. */
const FIELDS = [
  ...['@timestamp', 'ecs.version', 'message', 'trace.id', 'url.path', 'host.name', 'process.pid', 'error.code'],
  ...['error.type', 'service.name', 'service.version', 'user.id', 'user.name', 'user.domain', 'client.address'],
  ...[
    'client.ip',
    'source.address',
    'source.ip',
    'http.request.id',
    'http.request.method',
    'http.response.status_code',
  ],
  ...['kind', 'category', 'type', 'outcome', 'action', 'code', 'reason', 'severity', 'module', 'dataset'].map(ofEvent),
  ...['provider', 'id', 'hash', 'sequence', 'start', 'end', 'duration'].map(ofEvent),
];

function ofEvent(name: string): string {
  return `event.${name}`;
}

function ecs(event: AuditEvent, seal?: Seal): Members & { event: Members; labels: Members } {
  return JSON.parse(JSON.stringify(formatEvent('ecs', event, seal))) as Members & { event: Members; labels: Members };
}

function pathsOf(value: Members, prefix = ''): string[] {
  return Object.entries(value).flatMap(([name, one]) =>
    typeof one === 'object' && !Array.isArray(one)
      ? pathsOf(one as Members, `${prefix}${name}.`)
      : [`${prefix}${name}`],
  );
}

describe('formatEvent as ECS', () => {
  for (const [name, event] of [
    ...Object.entries(everyEvent()),
    ...everyOutcome().map((one, index) => [`request of kind ${index}`, one] as const),
  ]) {
    it(`gives ${name} fields that ECS has, with values that it allows`, () => {
      for (const value of [ecs(event), ecs(event, SEAL)]) {
        const { labels, ...rest } = value;
        expect(pathsOf(rest).filter((path) => !FIELDS.includes(path))).to.deep.equal([]);
        for (const label of Object.values(labels).flat()) expect(label).to.be.a('string');
        const { kind, category, type, outcome } = value.event as {
          kind: string;
          category: string[];
          type: string[];
          outcome?: string;
        };
        expect(KINDS).to.include(kind);
        expect(OUTCOMES).to.include(outcome);
        expect(category).to.be.an('array').that.is.not.empty;
        for (const one of category)
          expect(
            TYPES[one]!.some((known) => type.includes(known)),
            one,
          ).to.equal(true);
        for (const one of type)
          expect(
            category.some((known) => TYPES[known]!.includes(one)),
            one,
          ).to.equal(true);
        expect(value['@timestamp']).to.equal(event.time);
        expect(value['ecs']).to.deep.equal({ version: '9.4.0' });
        expect(value.event['code']).to.equal(event.type);
      }
    });
  }

  it('says what was asked for, by whom, from where, and how it ended', () => {
    const value = ecs(everyEvent().authorization_failed, SEAL);
    expect(value.event).to.deep.include({
      kind: 'event',
      category: ['api'],
      type: ['access', 'denied'],
      outcome: 'failure',
      action: 'authorization.failed',
      reason: 'scope_insufficient',
      severity: 3,
      id: `${SEAL.chain}:3`,
      hash: SEAL.hash,
      sequence: 3,
    });
    expect(value['user']).to.deep.equal({ id: 'ann', name: 'ann', domain: 'https://as.example.com' });
    expect(value['client']).to.deep.equal({ address: '192.0.2.7', ip: '192.0.2.7' });
    expect(value['trace']).to.deep.equal({ id: '0af7651916cd43dd8448eb211c80319c' });
    expect(value.labels).to.deep.include({
      mcp_tool: ['report'],
      mcp_method: ['tools/call'],
      missing: ['file:delete'],
    });
  });

  const outcomes: [index: number, outcome: string, type: string][] = [
    [0, 'success', 'allowed'],
    [1, 'failure', 'denied'],
    [2, 'failure', 'allowed'],
    [3, 'unknown', 'allowed'],
  ];
  for (const [index, outcome, type] of outcomes) {
    it(`gives a request that was ${everyOutcome()[index]!.outcome} the outcome ${outcome} and the type ${type}`, () => {
      const { event } = ecs(everyOutcome()[index]!);
      expect([event['outcome'], event['type']]).to.deep.equal([outcome, ['access', 'end', type]]);
    });
  }

  it('counts a duration in nanoseconds, back from the end', () => {
    const { event } = ecs(everyEvent().request);
    expect(event).to.deep.include({
      start: '2026-11-22T12:00:00.110Z',
      end: '2026-11-22T12:00:00.123Z',
      duration: 12_345_000,
    });
  });

  it('tells violations as alerts, and lost events as errors of the pipeline', () => {
    const kinds = Object.entries(everyEvent()).map(([name, event]) => [name, ecs(event).event['kind']]);
    expect(kinds.filter(([, kind]) => kind === 'pipeline_error')).to.deep.equal([['trail_gap', 'pipeline_error']]);
    expect(kinds.filter(([, kind]) => kind === 'alert').map(([name]) => name)).to.have.members([
      ...['signature_failed', 'replay_detected', 'header_mismatched', 'call_chain_violated', 'session_denied'],
      ...['origin_denied', 'definition_denied', 'definition_changed', 'definition_refused'],
    ]);
  });

  it('does not index what is no address as one', () => {
    const { request } = everyEvent() as { request: Extract<AuditEvent, { type: 'request' }> };
    const value = ecs({ ...request, http: { ...request.http, ip: 'unknown' } });
    expect(value['source']).to.deep.equal({ address: 'unknown' });
  });
});
