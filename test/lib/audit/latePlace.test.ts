import { expect } from 'chai';
import request from 'supertest';
import { auditLog, Denial, type AuditEvent, type Middleware } from '../../../lib/index.js';
import { withoutStandardError } from '../../adapters/standardError.js';
import { frameworks, type MountArguments } from '../../support/frameworks.js';

const check: Middleware = {
  name: 'check',
  needs: [],
  adds: [],
  run({ request: { headers } }) {
    if (headers['authorization'] === undefined) throw new Denial(401, 'token_missing', 'An access token is required');
    return {};
  },
};

for (const [name, boot] of Object.entries(frameworks)) {
  describe(`where auditLog stands in ${name}`, () => {
    let events: AuditEvent[];
    let told: unknown[];
    beforeEach(() => {
      events = [];
      told = [];
    });

    const log = () => auditLog({ sink: (event) => events.push(event), onError: (error) => told.push(error) });
    const serve = async (mounts: readonly MountArguments[]): Promise<void> => {
      const app = boot(mounts, (_req, res) => void res.end());
      for (const token of ['Bearer a', undefined, 'Bearer b']) {
        const sent = request(app).post('/mcp').send({});
        await (token === undefined ? sent : sent.set('Authorization', token));
      }
    };

    it('says once, when it is mounted behind another mount, that it hears no denial of it', async () => {
      await serve([[check], [log()]]);
      expect(told).to.have.lengthOf(1);
      expect((told[0] as Error).message).to.match(/denials by check are not recorded: mount auditLog before/);
      expect(JSON.stringify(events)).not.to.include('token_missing');
    });

    it('says nothing where it hears them: first, in the mount of the check, or behind another log', async () => {
      for (const mounts of [[[log(), check]], [[check, log()]], [[log()], [check]]]) {
        events = [];
        await serve(mounts);
        expect(JSON.stringify(events)).to.include('token_missing');
      }
      await serve([[log(), check], [log()]]);
      expect(told).to.deep.equal([]);
    });
  });
}

describe('where auditLog stands', () => {
  it('is said as one escaped line on standard error, where nobody listens', async () => {
    const app = frameworks['Express 5']!(
      [[check], [auditLog({ sink: () => undefined })]],
      (_req, res) => void res.end(),
    );
    const lines = await withoutStandardError(async () => {
      for (const token of ['a', 'b']) await request(app).post('/mcp').set('Authorization', token).send({});
    });
    expect(lines.join('')).to.match(
      /^\{"source":"mcp-etdi",[^\n]*auditLog: denials by check are not recorded[^\n]*\}\n$/,
    );
  });
});
