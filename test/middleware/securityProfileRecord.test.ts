// What a profile records of itself.
import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import {
  defineTools,
  introspect,
  memoryStores,
  memoryVersions,
  oidc,
  securityProfile,
  type AuditEvent,
  type SealedRecord,
  type SecurityProfileOptions,
  type Stores,
} from '../../lib/index.js';
import { redisStores } from '../../lib/stores/redis.js';
import { fakeIssuer, fakeSigner } from '../../lib/testing.js';
import { TrailSandbox } from '../support/trails.js';

const resource = 'https://mcp.example.com/mcp';
const as = fakeIssuer({ resource });
const CANARY = 'canary-canary-canary-canary-canary';

function options(events: AuditEvent[], more: Partial<SecurityProfileOptions> = {}): SecurityProfileOptions {
  return {
    level: 'basic',
    resource,
    issuers: [oidc({ issuer: as.issuer })],
    tools: defineTools({ read: { version: '1.0.0', permissions: ['file:read'] } }),
    audit: (event: AuditEvent) => events.push(event),
    fetch: as.fetch,
    now: () => new Date('2026-11-22T12:00:00Z'),
    ...more,
  };
}

describe('securityProfile records', () => {
  it('what is in force, once, in a sink', () => {
    const events: AuditEvent[] = [];
    securityProfile(options(events));
    expect(events).to.deep.equal([
      {
        v: 1,
        time: '2026-11-22T12:00:00.000Z',
        type: 'configuration_loaded',
        component: 'securityProfile',
        settings: {
          value: {
            level: 'basic',
            resource,
            middlewares: ['auditLog', 'validateOrigin', 'authenticate', 'authorizeScopes'],
            issuers: [as.issuer],
            allowedOrigins: [],
            signed: 'off',
            proofs: 'accept',
            binding: false,
            certificates: false,
            revocation: false,
            exposeToken: true,
            scopeWildcards: false,
            fullAccess: false,
            policyEngine: false,
            stores: 'own',
            rateOrDeny: false,
            events: 'requests',
            auditOrDeny: false,
            auditAhead: false,
          },
        },
      },
    ]);
  });

  it('the switches that were set', () => {
    const events: AuditEvent[] = [];
    securityProfile(
      options(events, {
        allowedOrigins: ['https://inspector.example.com'],
        dpop: { mode: 'require' },
        requireBinding: true,
        mtls: {},
        revoked: () => false,
        exposeToken: false,
        scopeWildcards: true,
        fullAccess: true,
        decide: () => true,
        stores: memoryStores({ singleProcess: true }),
        rate: { limit: 5, windowMs: 1000, onFailure: 'deny' },
        auditing: { level: 'all' },
      }),
    );
    expect(events[0]).to.have.property('settings').that.nested.includes({
      'value.allowedOrigins[0]': 'https://inspector.example.com',
      'value.middlewares[3]': 'rateLimit',
      'value.proofs': 'require',
      'value.binding': true,
      'value.certificates': true,
      'value.revocation': true,
      'value.exposeToken': false,
      'value.scopeWildcards': true,
      'value.fullAccess': true,
      'value.policyEngine': true,
      'value.stores': 'memory',
      'value.rateOrDeny': true,
      'value.events': 'all',
    });
  });

  it('shared stores where others than those in memory were given, and memory where some are', () => {
    const storesIn = (stores: Stores): unknown => {
      const events: AuditEvent[] = [];
      securityProfile(options(events, { stores }));
      return (events[0] as { settings?: { value?: { stores?: unknown } } }).settings?.value?.stores;
    };
    const redis = redisStores({ call: () => Promise.resolve(null) });
    expect(storesIn(redis)).to.equal('shared');
    const { sessions } = memoryStores({ singleProcess: true });
    expect(storesIn({ ...redis, sessions })).to.equal('memory');
  });

  it('it in the format that the sink gets', () => {
    const events: object[] = [];
    securityProfile(options(events as AuditEvent[], { auditing: { format: 'ecs' } }));
    expect(events).to.have.lengthOf(1);
    expect(events[0]).to.have.nested.property('event.action', 'configuration.loaded');
  });

  it('nothing where it does not build', () => {
    const events: AuditEvent[] = [];
    expect(() => securityProfile(options(events, { challengeScopes: 7 as never }))).to.throw(TypeError);
    expect(events).to.deep.equal([]);
  });

  it('what fails to be written as any other event', async () => {
    const told: unknown[] = [];
    const failure = new Error('down');
    const audit = (): Promise<never> => Promise.reject(failure);
    securityProfile(options([], { audit, auditing: { onError: (error) => told.push(error) } }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).to.deep.equal([failure]);
  });

  it('it once in a trail, of the highest level too, and no secret', async () => {
    const sandbox = await TrailSandbox.create();
    try {
      const [agent, server] = [await fakeSigner(), await fakeSigner()];
      const trail = await sandbox.open();
      securityProfile(
        options([], {
          level: 'strict',
          audit: trail,
          issuers: [introspect({ issuer: as.issuer, clientId: 'mcp', clientSecret: CANARY })],
          keys: [{ owner: 'https://agent.example', clientId: 'client', jwks: agent.jwks }],
          toolServers: [{ owner: 'https://reports.example/mcp', jwks: server.jwks }],
          keyStore: { signer: () => agent },
          stores: memoryStores({ singleProcess: true }),
          definitions: { versions: memoryVersions() },
          dpop: { nonces: { secret: CANARY } },
          auditing: { digestKey: Buffer.from(CANARY) },
        }),
      );
      await trail.close();
      const text = await readFile(sandbox.file, 'utf8');
      const events = text
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as SealedRecord).record.event);
      const [loaded, ...others] = events.filter(({ type }) => type === 'configuration_loaded');
      expect(others).to.deep.equal([]);
      expect(loaded).to.nested.include({
        component: 'securityProfile',
        'settings.value.level': 'strict',
        'settings.value.middlewares[3]': 'verifySignature',
        'settings.value.signed': 'all',
        'settings.value.binding': true,
        'settings.value.auditAhead': true,
      });
      expect(loaded).to.not.have.nested.property('settings.masked');
      const { x, kid } = agent.jwks.keys[0] as { x?: string; kid?: string };
      for (const secret of [CANARY, Buffer.from(CANARY).toString('base64'), x, kid, '[masked]'])
        if (secret !== undefined) expect(JSON.stringify(loaded)).to.not.include(secret);
      expect((await sandbox.verify()).findings).to.deep.equal([]);
    } finally {
      await sandbox.remove();
    }
  });
});
