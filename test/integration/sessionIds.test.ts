// One JSON-RPC id in two requests of a session: transports of both SDK lines find the stream of an answer by it, so that
// the answer to the first leaves on the stream of the second.
import { expect } from 'chai';
import {
  authorizeScopes,
  auditLog,
  bindSession,
  defineTools,
  memoryVersions,
  publishTools,
  toolOutcomes,
} from '../../lib/index.js';
import type { AnyMiddleware, AuditEvent, RequestContext, ToolOutcome } from '../../lib/index.js';
import { fakeSigner } from '../../lib/testing.js';
import { aWhile, eventually } from '../adapters/serve.js';
import { call, list, runSessions, SESSION_WIRINGS, type Answered } from './sessionServers.js';

const tools = defineTools({
  whoami: { version: '1.0.0', permissions: [] },
  transfer: { version: '1.0.0', permissions: [] },
  purge: { version: '1.0.0', permissions: ['purge'] },
});

const TAKEN = {
  code: -32600,
  message: 'A request of this id is under way in the session',
  data: { code: 'request_id_taken' },
};

/** Checks that read the messages do what this one does. */
const read: AnyMiddleware = {
  name: 'read',
  needs: [],
  adds: [],
  run: async (ctx: RequestContext) => {
    await ctx.request.rpc();
    return {};
  },
};

/** Checks that note what is said of calls. */
function noted() {
  const outcomes: [tool: string, outcome: ToolOutcome['outcome'], result: unknown][] = [];
  const events: AuditEvent[] = [];
  const audit = auditLog({ sink: (event) => events.push(event), level: 'all', results: 'full' });
  const watch = toolOutcomes({
    onOutcome: (_ctx, { call: { target }, outcome, result }) => outcomes.push([target.name, outcome, result]),
  });
  /** What the log says of each call, and what was given for its result. */
  const recorded = (): string[] =>
    events.flatMap((event) => {
      if (event.type !== 'call_succeeded' && event.type !== 'call_failed') return [];
      return [`${event.tool} ${event.type === 'call_failed' ? event.failure : JSON.stringify(event.result)}`];
    });
  return { outcomes, events, audit, watch, recorded };
}

const resultOf = (name: string) => ({ content: [{ type: 'text', text: `result of ${name}` }] });

const errorOf = ({ messages: [first] }: Answered): unknown => first?.['error'];
const textOf = ({ messages: [first] }: Answered): string => /result of (\w+)/.exec(JSON.stringify(first))?.[1] ?? '';

for (const [name, wiring] of Object.entries(SESSION_WIRINGS)) {
  describe(`one id in two requests of a session, on ${name}`, () => {
    let server: Awaited<ReturnType<typeof runSessions>>;

    const run = async (...checks: readonly AnyMiddleware[]): Promise<void> => {
      server = await runSessions(wiring, ...checks);
    };

    afterEach(() => server.close());

    describe('with bindSession', () => {
      let said: ReturnType<typeof noted>;

      beforeEach(async () => {
        said = noted();
        await run(said.audit, bindSession(), authorizeScopes({ tools }), said.watch);
      });

      it('is denied while the first is under way, and may be used again after its answer', async () => {
        const session = await server.open();
        server.gates.hold('transfer');
        const first = await server.start(session, call(7, 'transfer'), 'transfer');
        for (const second of [call(7, 'whoami'), list(7), call(7, 'transfer')]) {
          const denied = await server.post(session, second);
          expect(denied.status).to.equal(400);
          expect(errorOf(denied)).to.deep.equal(TAKEN);
        }
        server.gates.open('transfer');
        expect(textOf(await first.answer)).to.equal('transfer');
        for (const tool of ['whoami', 'transfer']) {
          expect(textOf(await server.post(session, call(7, tool)))).to.equal(tool);
        }
        await eventually(() => said.outcomes.length === 3);
        expect(said.outcomes.map(([tool, outcome]) => `${tool} ${outcome}`)).to.deep.equal([
          'transfer succeeded',
          'whoami succeeded',
          'transfer succeeded',
        ]);
        const calls = said.events.filter(({ type }) => type === 'call_started');
        expect(calls, 'what is denied is no call').to.have.lengthOf(3);
        expect(said.events.filter(({ type }) => type === 'session_denied')).to.have.lengthOf(3);
      });

      it('is no matter where ids only look alike, or sessions differ', async () => {
        const [session, other] = [await server.open(), await server.open()];
        server.gates.hold('transfer');
        const first = await server.start(session, call(7, 'transfer'), 'transfer');
        for (const id of ['7', 8, -7, 70, '', '7.0']) {
          expect(textOf(await server.post(session, call(id, 'whoami'))), JSON.stringify(id)).to.equal('whoami');
        }
        expect(textOf(await server.post(other, call(7, 'whoami')))).to.equal('whoami');
        const notice = { jsonrpc: '2.0', method: 'notifications/initialized' };
        const answer = { jsonrpc: '2.0', id: 7, result: {} };
        for (const message of [notice, answer]) expect((await server.post(session, message)).status).to.equal(202);
        const second = await server.start(other, call(7, 'transfer'), 'transfer');
        server.gates.open('transfer');
        expect(textOf(await first.answer)).to.equal('transfer');
        expect(textOf(await second.answer)).to.equal('transfer');
      });

      it('takes all ids of a batch or none', async () => {
        const session = await server.open();
        server.gates.hold('transfer');
        const first = await server.start(session, [call(7, 'transfer'), call(8, 'whoami')], 'transfer');
        for (const ids of [
          [9, 7],
          [8, 9],
          [9, 9],
        ]) {
          const denied = await server.post(
            session,
            ids.map((id) => call(id, 'whoami')),
          );
          expect(denied.status).to.equal(400);
          expect(denied.messages[0]?.['error']).to.deep.equal(TAKEN);
        }
        expect(textOf(await server.post(session, call(9, 'whoami')))).to.equal('whoami');
        server.gates.open('transfer');
        expect((await first.answer).messages).to.have.lengthOf(2);
        const again = await server.post(session, [call(7, 'whoami'), call(8, 'whoami')]);
        expect(again.messages).to.have.lengthOf(2);
      });

      it('stays taken when its client went away, until the session ends', async () => {
        const session = await server.open();
        server.gates.hold('transfer');
        const first = await server.start(session, call(7, 'transfer'), 'transfer');
        await first.leave();
        await eventually(() => said.outcomes.length === 1);
        expect((await server.post(session, call(7, 'whoami'))).status).to.equal(400);
        server.gates.open('transfer');
        await aWhile();
        expect((await server.post(session, call(7, 'whoami'))).status).to.equal(400);
        expect(textOf(await server.post(session, call(8, 'whoami')))).to.equal('whoami');
        expect(await server.end(session)).to.equal(200);
        expect((await server.post(session, call(7, 'whoami'))).status).to.equal(404);
        expect(said.recorded()).to.deep.equal([
          'transfer unanswered',
          `whoami ${JSON.stringify({ value: resultOf('whoami') })}`,
        ]);
      });

      it('is not taken by what is denied', async () => {
        const session = await server.open();
        for (let times = 0; times < 2; times += 1) {
          expect((await server.post(session, call(7, 'purge'))).status).to.equal(403);
        }
        expect(textOf(await server.post(session, call(7, 'whoami')))).to.equal('whoami');
      });
    });

    describe('without bindSession', () => {
      let said: ReturnType<typeof noted>;

      beforeEach(async () => {
        said = noted();
        await run(said.audit, read, said.watch);
      });

      const unanswered = async (...calls: readonly string[]): Promise<void> => {
        await eventually(() => said.outcomes.length === calls.length);
        expect(said.outcomes).to.have.deep.members(calls.map((tool) => [tool, 'unanswered', undefined]));
        expect(said.recorded()).to.have.members(calls.map((tool) => `${tool} unanswered`));
      };

      it('ends two calls as unanswered, as nobody can tell whose answer came', async () => {
        const session = await server.open();
        server.gates.hold('transfer', 'whoami');
        const first = await server.start(session, call(7, 'transfer'), 'transfer');
        const second = await server.start(session, call(7, 'whoami'), 'whoami');
        server.gates.open('transfer');
        expect(textOf(await second.answer), 'the trick works').to.equal('transfer');
        await first.leave();
        await unanswered('transfer', 'whoami');
        server.gates.open('whoami');
        await aWhile();
        expect(said.outcomes).to.have.lengthOf(2);
      });

      it('takes no answer to something else for the result of a call', async () => {
        const session = await server.open();
        server.gates.hold('tools/list', 'whoami');
        const first = await server.start(session, list(7), 'tools/list');
        const second = await server.start(session, call(7, 'whoami'), 'whoami');
        server.gates.open('tools/list');
        expect((await second.answer).messages[0], 'the trick works').to.have.nested.property('result.tools');
        await first.leave();
        await unanswered('whoami');
      });

      it('takes no answer to a call whose client went away for that of the next one', async () => {
        const session = await server.open();
        server.gates.hold('transfer', 'whoami');
        const first = await server.start(session, call(7, 'transfer'), 'transfer');
        await first.leave();
        await eventually(() => said.outcomes.length === 1);
        const second = await server.start(session, call(7, 'whoami'), 'whoami');
        server.gates.open('transfer');
        expect(textOf(await second.answer), 'the trick works').to.equal('transfer');
        await eventually(() => said.outcomes.length === 2);
        // The call of whoami is still under way, so its answer would be taken for that of the third.
        server.gates.hold('transfer');
        const third = await server.start(session, call(7, 'transfer'), 'transfer');
        server.gates.open('whoami');
        expect(textOf(await third.answer), 'the trick works').to.equal('whoami');
        await unanswered('transfer', 'whoami', 'transfer');
        server.gates.open('transfer');
      });

      it('tells outcomes of one id in two sessions, of 7 and "7", and of one id after its answer', async () => {
        const [session, other] = [await server.open(), await server.open()];
        server.gates.hold('transfer');
        const first = await server.start(session, call(7, 'transfer'), 'transfer');
        await server.post(session, call('7', 'whoami'));
        await server.post(other, call(7, 'whoami'));
        server.gates.open('transfer');
        await first.answer;
        await server.post(session, list(7));
        await server.post(session, call(7, 'whoami'));
        await eventually(() => said.outcomes.length === 4);
        expect(said.outcomes).to.deep.equal(
          ['whoami', 'whoami', 'transfer', 'whoami'].map((tool) => [tool, 'succeeded', resultOf(tool)]),
        );
      });
    });

    describe('with publishTools alone', () => {
      beforeEach(async () => {
        const publishing = {
          tools,
          resource: 'https://mcp.example/mcp',
          signer: await fakeSigner(),
          versions: memoryVersions(),
        };
        await run(authorizeScopes({ tools }), publishTools(publishing));
      });

      it('brings nobody a list that is not filtered and signed', async () => {
        const session = await server.open();
        const honest = await server.post(session, list(1));
        server.gates.hold('tools/list', 'whoami');
        const first = await server.start(session, list(7), 'tools/list');
        const second = await server.start(session, call(7, 'whoami'), 'whoami');
        server.gates.open('tools/list');
        const tricked = await second.answer;
        await first.leave();
        server.gates.open('whoami');
        expect(tricked.messages.map(({ result }) => result)).to.deep.equal(honest.messages.map(({ result }) => result));
        expect(tricked.text).to.not.include('purge');
        expect(tricked.text).to.include('io.github.mcp-etdi/signatures');
      });

      it('leaves the results of tools as they are', async () => {
        const session = await server.open();
        const { messages } = await server.post(session, call(7, 'whoami'));
        expect(messages).to.deep.equal([{ jsonrpc: '2.0', id: 7, result: resultOf('whoami') }]);
      });
    });
  });
}
