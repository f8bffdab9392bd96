import { expect } from 'chai';
import { guardClient, VERDICT, type GuardClientOptions } from '../../client/guardClient.js';
import { diffLines } from '../../client/tools/diff.js';
import { compareVersions } from '../../client/tools/semver.js';
import { ToolDenied, type ApprovalRequest } from '../../client/tools/verdict.js';
import type { WireTool } from '../../lib/definitions/form.js';
import { bench, SERVER, type Bench } from './signedTools.js';

interface Params {
  readonly name?: string;
  readonly cursor?: string;
  readonly _meta?: object;
}

/** A client that lists pages and records calls. */
class FakeClient {
  pages: readonly (readonly unknown[])[] = [];
  lists = 0;
  readonly calls: unknown[][] = [];
  readonly transport: { onmessage?: (message: unknown) => void } = { onmessage: (message) => this.seen.push(message) };
  readonly seen: unknown[] = [];
  readonly #secret = 'private';

  request(request: { method: string; params?: Params }, ..._rest: unknown[]): Promise<unknown> {
    if (request.method !== 'tools/list') return Promise.resolve(request);
    const at = Number(request.params?.cursor ?? 0);
    if (at === 0) this.lists += 1;
    const more = at + 1 < this.pages.length ? { nextCursor: String(at + 1) } : {};
    return Promise.resolve({ tools: this.pages[at] ?? [], ...more });
  }

  listTools(_params?: Params): Promise<{ tools: WireTool[] }> {
    return Promise.reject(new Error('it takes members off tools'));
  }

  callTool(...args: unknown[]): Promise<unknown> {
    this.calls.push(args);
    return (args[0] as Params).name === 'fails' ? Promise.reject(new Error('failed')) : Promise.resolve('done');
  }

  secret(): string {
    return this.#secret;
  }
}

async function caught(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('guardClient', () => {
  let current: Bench;
  let client: FakeClient;
  let time: number;

  const guard = (options: Partial<GuardClientOptions> = {}): FakeClient =>
    guardClient(client, { verifier: current.verifier(), now: () => new Date(time), ...options });
  const named = (name: string): Promise<WireTool> => current.sign({}, { name });

  beforeEach(async () => {
    current = await bench();
    client = new FakeClient();
    time = 0;
  });

  it('does not build with options that it does not know', () => {
    expect(() => guard({ aprove: () => true } as object)).to.throw(TypeError, /did you mean 'approve'/);
    expect(() => guard({ unapproved: 'keep' as 'mark' })).to.throw(TypeError, /'hide', 'mark'/);
  });

  it('gives the tools of all pages as they were received', async () => {
    const tools = [await named('a'), await current.sign({}, { name: 'b', securitySchemes: [{ type: 'oauth2' }] })];
    client.pages = [[tools[0]], [tools[1]]];
    const { tools: listed } = await guard({ approve: () => true }).listTools();
    expect(listed).to.deep.equal(tools);
    expect(await caught(guard().listTools({ cursor: '1' }))).to.be.instanceOf(TypeError);
  });

  it('hides what is not approved, or marks everything', async () => {
    await current.verifier().approve(await named('a'));
    client.pages = [[await named('a'), await current.sign({}, { name: 'b', description: 'Other' })]];
    expect((await guard().listTools()).tools.map(({ name }) => name)).to.deep.equal(['a']);
    const { tools } = await guard({ unapproved: 'mark' }).listTools();
    expect(tools.map(({ _meta }) => (_meta as Record<string, unknown>)[VERDICT])).to.deep.equal([
      { outcome: 'allow', reason: 'approved', diff: [] },
      { outcome: 'ask', reason: 'not_approved', diff: [] },
    ]);
    expect(await caught(guard({ unapproved: 'mark' }).callTool({ name: 'b' }))).to.be.instanceOf(ToolDenied);
  });

  it('calls an approved tool, and states its digest beside what the caller said', async () => {
    await current.verifier().approve(await named('a'));
    client.pages = [[await named('a')]];
    const verdict = await current.verifier().check(await named('a'));
    expect(await guard().callTool({ name: 'a', _meta: { progressToken: 1 } }, 'options')).to.equal('done');
    expect(client.calls).to.deep.equal([
      [{ name: 'a', _meta: { progressToken: 1, 'io.github.mcp-etdi/digest': verdict.digest } }, 'options'],
    ]);
  });

  it('denies a tool that is listed twice, also on two pages, and one that is not listed', async () => {
    await current.verifier().approve(await named('a'));
    client.pages = [[await named('a')], [await named('a')]];
    expect(await caught(guard().callTool({ name: 'a' }))).to.include({ code: 'name_duplicate' });
    expect((await guard().listTools()).tools).to.deep.equal([]);
    for (const name of ['b', '__proto__', 'constructor', undefined]) {
      const params = name === undefined ? {} : { name };
      expect(await caught(guard().callTool(params))).to.include({ code: 'tool_unknown' });
    }
    expect(client.calls).to.deep.equal([]);
  });

  it('asks once about a tool, with everything that a user needs to decide', async () => {
    const asked: ApprovalRequest[] = [];
    client.pages = [[await named('a')]];
    const guarded = guard({ approve: (request) => asked.push(request) === 0 });
    await Promise.all([guarded.listTools(), guarded.listTools()]);
    expect(await caught(guarded.callTool({ name: 'a' }))).to.include({ code: 'not_approved' });
    expect(asked).to.have.lengthOf(1);
    expect(asked[0]).to.deep.include({ tool: 'a', server: SERVER, publisher: SERVER, permissions: ['file:read'] });
    expect(asked[0]?.definition).to.equal(client.pages[0]?.[0]);
  });

  it('asks again when a question was not answered, and saves the terms of a consent', async () => {
    client.pages = [[await named('a')]];
    let answers = 0;
    const expiresAt = new Date('2026-11-02T00:00:00Z');
    const guarded = guard({
      approve: () => {
        answers += 1;
        if (answers === 1) throw new Error('the dialog was closed');
        return { approver: 'ada', expiresAt };
      },
    });
    expect(await caught(guarded.listTools()))
      .to.be.instanceOf(Error)
      .with.property('message', 'the dialog was closed');
    expect((await guarded.listTools()).tools).to.have.lengthOf(1);
    expect(await current.approvals.find(SERVER, 'a')).to.deep.include({ approver: 'ada', expiresAt });
  });

  it('keeps no more answers than one list can ask for, whatever a server changes', async () => {
    const asked: string[] = [];
    const verifier = current.verifier({ publishers: [], unsigned: 'ask' });
    const guarded = guard({ verifier, approve: ({ tool }) => (asked.push(tool), false) });
    const list = async (names: readonly string[]): Promise<void> => {
      client.pages = [names.map((name) => ({ name }))];
      await guarded.listTools();
    };
    await list(['first']);
    await list(['first']);
    expect(asked).to.deep.equal(['first']);
    await list(Array.from({ length: 10_000 }, (_one, at) => `other-${at}`));
    await list(['first']);
    expect(asked.length).to.equal(10_002);
  }).timeout(15_000);

  it('never asks about what nobody can approve', async () => {
    client.pages = [[{ name: 'a', inputSchema: {} }]];
    const guarded = guard({ approve: () => expect.fail('it asked') });
    expect((await guarded.listTools()).tools).to.deep.equal([]);
    expect(await caught(guarded.callTool({ name: 'a' }))).to.include({ code: 'signature_missing' });
  });

  describe('verifies before each call', () => {
    const call = (guarded: FakeClient): Promise<unknown> => caught(guarded.callTool({ name: 'a' }));

    beforeEach(async () => {
      await current.verifier().approve(await named('a'));
      client.pages = [[await named('a')]];
    });

    it('what was listed, until that is old', async () => {
      const guarded = guard({ maxAge: 10 });
      await guarded.listTools();
      client.pages = [[await current.sign({}, { name: 'a', description: 'Changed' })]];
      time = 9_999;
      expect(await call(guarded)).to.equal(undefined);
      expect(client.lists).to.equal(1);
      time = 10_000;
      expect(await call(guarded)).to.include({ code: 'definition_changed' });
      expect(client.lists).to.equal(2);
    });

    it('what is listed now, once the server says that its tools changed', async () => {
      const guarded = guard({ maxAge: 3600 });
      await guarded.listTools();
      client.pages = [[]];
      const notification = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };
      client.transport.onmessage?.(notification);
      expect(client.seen, 'the client hears of it too').to.deep.equal([notification]);
      expect(await call(guarded)).to.include({ code: 'tool_unknown' });
    });

    it('what is listed now, after a call failed or the clock went back', async () => {
      const guarded = guard({ maxAge: 3600 });
      await current.verifier().approve(await current.sign({}, { name: 'fails', description: 'Other' }));
      client.pages = [[await named('a'), await current.sign({}, { name: 'fails', description: 'Other' })]];
      await caught(guarded.callTool({ name: 'fails' }));
      expect(await call(guarded)).to.equal(undefined);
      expect(client.lists).to.equal(2);
      time = -1;
      await call(guarded);
      expect(client.lists).to.equal(3);
    });

    it('that the approval was not taken back meanwhile', async () => {
      const guarded = guard({ maxAge: 3600 });
      await guarded.listTools();
      await current.verifier().revoke('a');
      expect(await call(guarded)).to.include({ code: 'not_approved' });
    });

    it('calls that are made as requests', async () => {
      const guarded = guard();
      const passed = (await guarded.request({ method: 'tools/call', params: { name: 'a' } })) as { params: Params };
      expect(passed.params._meta).to.have.property('io.github.mcp-etdi/digest');
      expect(await caught(guarded.request({ method: 'tools/call', params: { name: 'b' } }))).to.include({
        code: 'tool_unknown',
      });
      expect(await guarded.request({ method: 'ping' })).to.deep.equal({ method: 'ping' });
      expect(((await guarded.request({ method: 'tools/list' })) as { tools: unknown[] }).tools).to.have.lengthOf(1);
    });
  });

  it('ends a list that has no end, and does not take what is no list', async () => {
    client.pages = Array.from({ length: 200 }, () => []);
    expect(await caught(guard().listTools()))
      .to.be.instanceOf(Error)
      .with.property('message')
      .match(/without end/);
    client.pages = ['none' as unknown as []];
    expect(await caught(guard().listTools()))
      .to.be.instanceOf(Error)
      .with.property('message')
      .match(/did not list/);
  });

  it('lets each client check results against the definition that was verified', async () => {
    const learnt: unknown[] = [];
    await current.verifier().approve(await named('a'));
    client.pages = [[await named('a'), await named('b')]];
    // The first line learns from a list, the second one is told with each call.
    Object.assign(client, { cacheToolMetadata: (tools: unknown) => learnt.push(tools) });
    await guard().listTools();
    expect(learnt).to.deep.equal([[first()]]);
    Object.assign(client, { getProtocolEra: () => 'legacy' });
    await guard().callTool({ name: 'a' }, { timeout: 5, toolDefinition: { name: 'other' } });
    expect(client.calls[0]?.[1]).to.deep.equal({ timeout: 5, toolDefinition: first() });
  });

  const first = (): unknown => client.pages[0]?.[0];

  for (const name of ['experimental', 'requestStream']) {
    it(`offers no '${name}', which would call tools on a way of its own`, () => {
      Object.defineProperty(client, name, { value: () => 'called' });
      expect(() => Reflect.get(guard(), name) as unknown).to.throw(
        TypeError,
        `'${name}' are not guarded; use callTool`,
      );
    });
  }

  it('leaves everything else to the client', () => {
    expect(guard().secret()).to.equal('private');
    expect(guard()).to.be.instanceOf(FakeClient);
  });

  it('tells a listener of every verdict', async () => {
    const reasons: string[] = [];
    client.pages = [[await named('a'), { name: 'b', inputSchema: {} }]];
    const onVerdict = ({ reason }: { reason: string }): void => void reasons.push(reason);
    await guard({ onVerdict }).listTools();
    expect(reasons).to.deep.equal(['not_approved', 'signature_missing']);
  });
});

describe('the diff of a tool', () => {
  const rows: readonly (readonly [string, unknown, unknown, readonly string[]])[] = [
    ['says nothing of equal values', { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, []],
    ['names what came and went', { a: 1 }, { b: 'x' }, ['- a: 1', '+ b: "x"']],
    ['looks into objects', { a: { b: { c: 1 } } }, { a: { b: { c: 2 } } }, ['~ a.b.c: 1 -> 2']],
    ['tells texts of a list', { p: ['a', 'b'] }, { p: ['b', 'c'] }, ['- p: "a"', '+ p: "c"']],
    ['tells another order', { p: ['a', 'b'] }, { p: ['b', 'a'] }, ['~ p: ["a","b"] -> ["b","a"]']],
    ['tells another kind', { p: { a: 1 } }, { p: [1] }, ['~ p: {"a":1} -> [1]']],
    ['hides no character', {}, { a: '\u202e\u001b\u200b\n' }, ['+ a: "\\u202e\\u001b\\u200b\\u000a"']],
  ];
  for (const [name, before, after, lines] of rows) {
    it(name, () => {
      expect(diffLines(before, after)).to.deep.equal(lines);
    });
  }

  it('shows where two long texts part', () => {
    const text = 'Reads a file. '.repeat(40);
    const [line] = diffLines({ a: text }, { a: `${text}Then sends it away` });
    expect(line).to.include('Then sends it away').and.have.length.below(450);
  });

  it('stays short, whatever was sent', () => {
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`name ${at}`, 'x'.repeat(5000)]));
    const lines = diffLines({}, many);
    expect(lines).to.have.lengthOf(25);
    expect(lines.at(-1)).to.equal('... and 4976 more differences');
    expect(Math.max(...lines.map((line) => line.length))).to.be.below(300);
  });
});

describe('versions', () => {
  // SemVer 2.0.0 section 11, in ascending order.
  const ordered = [
    '0.9.9',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1.0.0',
    '1.0.1',
    '1.2.0',
    '1.10.0',
    '9007199254740993.0.0',
    '9007199254740994.0.0',
  ];

  it('are in order', () => {
    for (const [at, one] of ordered.entries()) {
      for (const [other, two] of ordered.entries()) {
        expect(Math.sign(compareVersions(one, two)), `${one} ${two}`).to.equal(Math.sign(at - other));
      }
    }
  });

  it('are equal whatever the build is called', () => {
    expect(compareVersions('1.0.0+a', '1.0.0+b')).to.equal(0);
  });
});
