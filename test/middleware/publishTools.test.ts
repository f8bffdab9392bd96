import { once } from 'node:events';
import { expect } from 'chai';
import {
  APPROVED_DIGEST,
  DEFINITION,
  digestOfTool,
  MANIFEST,
  SIGNATURES,
  type WireTool,
} from '../../lib/definitions/form.js';
import { verifyManifest, verifyTool } from '../../lib/definitions/verify.js';
import {
  defineTools,
  Denial,
  memoryVersions,
  publishTools,
  Unavailable,
  type May,
  type OutgoingMessage,
  type PublishToolsOptions,
  type RequestContext,
  type ServedTools,
  type ToolEvent,
  type VersionStore,
} from '../../lib/index.js';
import { fakeContext, fakeSigner, type FakeSigner } from '../../lib/testing.js';
import { NOW, SERVER, trustIn } from '../lib/definitions/support.js';
import { TrailSandbox } from '../support/trails.js';

type Page = Readonly<Record<string, unknown>> & { readonly tools: readonly WireTool[] };

const CODE = `sha256:${'c'.repeat(64)}`;
const tools = defineTools({
  add: { version: '1.0.0', permissions: [] },
  read: { version: '1.2.0', permissions: ['file:read', 'audit:log'], requireSignature: true, codeDigest: CODE },
});
const ADD: WireTool = { name: 'add', description: 'Adds numbers', inputSchema: { type: 'object' } };
const READ: WireTool = {
  name: 'read',
  description: 'Reads a file',
  inputSchema: { type: 'object' },
  _meta: { team: 'a' },
};

/** What the process warns of in the meantime. */
async function warningsOf(work: () => Promise<unknown>): Promise<readonly string[]> {
  const warned: string[] = [];
  const listen = (warning: Error): void => void warned.push(warning.message);
  process.on('warning', listen);
  try {
    await work();
    // A warning is emitted in a tick of its own.
    await new Promise(setImmediate);
    return warned;
  } finally {
    process.off('warning', listen);
  }
}

/** One `publishTools`, and what is seen of it. */
class Server {
  readonly events: ToolEvent[] = [];
  readonly signed: string[] = [];
  time = NOW.getTime();
  readonly #middleware: ReturnType<typeof publishTools>;

  constructor(signer: FakeSigner, options: Partial<PublishToolsOptions> = {}) {
    this.#middleware = publishTools({
      tools,
      resource: `${SERVER}/`,
      versions: memoryVersions(),
      signer: { current: () => signer.current().then((key) => this.#counting(key)) },
      onEvent: (event) => void this.events.push(event),
      now: () => new Date(this.time),
      ...options,
    });
  }

  get counted(): readonly string[] {
    return this.events.map((event) => `${event.type} ${event.name}`);
  }

  #counting(key: Awaited<ReturnType<FakeSigner['current']>>): typeof key {
    return {
      ...key,
      sign: (bytes) => {
        const [header = ''] = Buffer.from(bytes).toString().split('.');
        this.signed.push((JSON.parse(Buffer.from(header, 'base64url').toString()) as { typ: string }).typ);
        return key.sign(bytes);
      },
    };
  }

  /** The answer to a `tools/list`, as it leaves. */
  async list(page: readonly unknown[] | Readonly<Record<string, unknown>>, may?: (name: string) => May): Promise<Page> {
    const result = Array.isArray(page) ? { tools: page } : page;
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    const access = may && { may: (_kind: string, name: string) => may(name), required: [], granted: [] };
    const ctx = fakeContext({ body, ...(access === undefined ? {} : { state: { access } }) });
    await this.#middleware.run(ctx);
    const answer = await this.message(ctx, { jsonrpc: '2.0', id: 1, result });
    return answer['result'] as Page;
  }

  message(ctx: RequestContext, message: OutgoingMessage): OutgoingMessage | Promise<OutgoingMessage> {
    const hook = this.#middleware.hooks?.message;
    if (hook === undefined) throw new Error('there is no hook');
    return hook(ctx, message);
  }

  /** Calls tools, all in one batch where there are several. `undefined` for calls that were let through. */
  async call(...calls: readonly (string | Readonly<Record<string, unknown>>)[]): Promise<unknown> {
    const body = calls.map((one, index) => {
      const params = typeof one === 'string' ? { name: one } : one;
      return { jsonrpc: '2.0', id: index, method: 'tools/call', params };
    });
    return this.send(body.length === 1 ? body[0] : body);
  }

  async send(body: unknown): Promise<unknown> {
    try {
      await this.#middleware.run(fakeContext({ body }));
      return undefined;
    } catch (error) {
      return error;
    }
  }
}

const approving = (name: string, digest: unknown) => ({ name, _meta: { [APPROVED_DIGEST]: digest } });
const namesOf = ({ tools: list }: Page): readonly unknown[] => list.map(({ name }) => name);
const CHANGED = { status: 403, code: 'definition_changed', policy: true };
const ADDS_MORE: WireTool = { ...ADD, description: 'Does more' };
const READS_MORE: WireTool = { ...READ, description: 'Does more' };

describe('publishTools', () => {
  let signer: FakeSigner;
  let server: Server;

  before(async () => {
    signer = await fakeSigner();
  });

  beforeEach(() => {
    server = new Server(signer);
  });

  const find = (...signers: readonly FakeSigner[]) => trustIn(signers.map((one) => [SERVER, one]));

  describe('lists tools', () => {
    it('with what their policies say, signed by the publisher', async () => {
      const page = await server.list([ADD, READ]);
      const [add, read] = await Promise.all(page.tools.map((tool) => verifyTool(tool, find(signer), NOW)));
      expect(add).to.deep.include({
        owner: SERVER,
        definition: { version: '1.0.0', server: SERVER, publisher: SERVER, permissions: [] },
      });
      expect(read).to.deep.include({
        expiresAt: new Date(NOW.getTime() + 86_400_000),
        definition: {
          version: '1.2.0',
          server: SERVER,
          publisher: SERVER,
          permissions: ['audit:log', 'file:read'],
          requireSignature: true,
          codeDigest: CODE,
        },
      });
    });

    it('with every other member as it was', async () => {
      const page = await server.list({ tools: [READ], nextCursor: 'x', ttlMs: 5, _meta: { other: 1 } });
      const [{ _meta: meta, ...others } = {}] = page.tools;
      expect({ ...others, _meta: { team: (meta as { team: string }).team } }).to.deep.equal(READ);
      expect(Object.keys(meta as object)).to.deep.equal(['team', DEFINITION, SIGNATURES]);
      expect(page).to.deep.include({ nextCursor: 'x', ttlMs: 5 });
      expect(page['_meta']).to.have.property('other', 1);
    });

    it('with a signed list of all digests', async () => {
      const page = await new Server(signer, { serial: 42 }).list([ADD, READ]);
      const manifest = await verifyManifest((page['_meta'] as WireTool)[MANIFEST], find(signer), NOW);
      expect(manifest).to.deep.include({
        manifest: { server: SERVER, publisher: SERVER, serial: 42, tools: page.tools.map(digestOfTool).sort() },
      });
    });

    it('in the name of another publisher, for as long as is asked', async () => {
      const publisher = 'https://publisher.example';
      const page = await new Server(signer, { publisher, lifetime: 600 }).list([ADD]);
      const facts = await verifyTool(page.tools[0] ?? {}, trustIn([[publisher, signer]]), NOW);
      expect(facts).to.deep.include({ issuer: publisher, expiresAt: new Date(NOW.getTime() + 600_000) });
      expect(await verifyTool(page.tools[0] ?? {}, find(signer), NOW)).to.equal('signer_foreign');
    });

    it('with the rules about who may call them, in whatever order those are written', async () => {
      const rules = { allowedCallers: ['read', '@root'], blockedCallees: ['*'], allowedCallees: [], maxCallDepth: 2 };
      const digests: string[] = [];
      for (const allowedCallers of [rules.allowedCallers, [...rules.allowedCallers].reverse()]) {
        const add = { version: '1.0.0', permissions: [], ...rules, allowedCallers };
        const one = new Server(signer, { tools: defineTools({ add }) });
        const [tool = {}] = (await one.list([ADD])).tools;
        expect((tool['_meta'] as Page)[DEFINITION]).to.deep.include({
          callStack: { maxDepth: 2, allowedCallers: ['@root', 'read'], allowedCallees: [], blockedCallees: ['*'] },
        });
        digests.push(digestOfTool(tool));
      }
      expect(new Set(digests)).to.have.lengthOf(1);
    });

    it('without what the server claims in the place of a definition or a signature', async () => {
      const claimed = { ...READ, _meta: { team: 'a', [DEFINITION]: { permissions: [] }, [SIGNATURES]: ['forged'] } };
      const [forged, plain] = await Promise.all([new Server(signer).list([claimed]), server.list([READ])]);
      expect(forged.tools.map(digestOfTool)).to.deep.equal(plain.tools.map(digestOfTool));
      expect(await verifyTool(forged.tools[0] ?? {}, find(signer), NOW)).to.be.an('object');
    });

    it('under one digest, in whatever order permissions and members are written', async () => {
      const reordered = defineTools({
        read: { codeDigest: CODE, requireSignature: true, permissions: ['audit:log', 'file:read'], version: '1.2.0' },
      });
      const one = await server.list([READ]);
      const other = await new Server(signer, { tools: reordered }).list([
        Object.fromEntries(Object.entries(READ).reverse()),
      ]);
      expect(other.tools.map(digestOfTool)).to.deep.equal(one.tools.map(digestOfTool));
    });

    it('that are defined, and reports the others once', async () => {
      const other = { ...ADD, name: 'other' };
      expect(namesOf(await server.list([ADD, other, { ...ADD, name: '__proto__' }, 5, null, {}]))).to.deep.equal([
        'add',
      ]);
      await server.list([ADD, other]);
      expect(server.counted.filter((one) => one.startsWith('tool_undefined'))).to.deep.equal([
        'tool_undefined other',
        'tool_undefined __proto__',
        'tool_undefined ',
      ]);
    });

    it('and reports policies without a tool, once the last page was seen', async () => {
      await server.list({ tools: [ADD], nextCursor: 'more' });
      expect(server.counted).to.not.include('tool_missing read');
      await server.list([]);
      await server.list([]);
      expect(server.counted.filter((one) => one.startsWith('tool_missing'))).to.deep.equal(['tool_missing read']);
    });

    it('on several pages, each with all that is known', async () => {
      const first = await server.list({ tools: [ADD], nextCursor: 'more' });
      const second = await server.list([READ]);
      const again = await server.list({ tools: [ADD], nextCursor: 'more' });
      const digests = [...first.tools, ...second.tools].map(digestOfTool).sort();
      const lists = await Promise.all(
        [first, second, again].map((page) => verifyManifest((page['_meta'] as WireTool)[MANIFEST], find(signer), NOW)),
      );
      const listed = lists.map((one) => (typeof one === 'string' ? one : one.manifest.tools));
      expect(listed).to.deep.equal([first.tools.map(digestOfTool), digests, digests]);
    });

    it('named like members of every object', async () => {
      const odd = defineTools({ ['__proto__']: { version: '1.0.0', permissions: [] } });
      const one = new Server(signer, { tools: odd });
      expect(namesOf(await one.list([{ ...ADD, name: '__proto__' }]))).to.deep.equal(['__proto__']);
      expect(await one.call('__proto__')).to.equal(undefined);
      expect(await one.call('constructor')).to.deep.include({ code: 'tool_undefined' });
    });

    it('that can be signed, and denies calls of the others', async () => {
      const odd = { ...ADD, inputSchema: { maximum: 2 ** 60 } };
      expect(namesOf(await server.list([odd, READ]))).to.deep.equal(['read']);
      expect(server.counted).to.include('definition_unsignable add');
      expect(await server.call('add')).to.deep.include(CHANGED);
      expect(await server.call('read')).to.equal(undefined);
      expect(namesOf(await server.list([ADD, READ]))).to.deep.equal(['add', 'read']);
      expect(await server.call('add')).to.equal(undefined);
    });
  });

  describe('leaves alone', () => {
    for (const [what, message] of [
      ['an error', { jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'x' } }],
      ['a result without tools', { jsonrpc: '2.0', id: 1, result: {} }],
      ['a notification', { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }],
    ] as const) {
      it(`${what} in answer to a list`, async () => {
        const ctx = fakeContext({ body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } });
        await ctx.request.rpc();
        expect(await server.message(ctx, message)).to.equal(message);
      });
    }

    it('the result of a tool that looks like a list', async () => {
      const ctx = fakeContext({ body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'add' } } });
      await ctx.request.rpc();
      const message = { jsonrpc: '2.0', id: 1, result: { tools: [ADD] } };
      expect(await server.message(ctx, message)).to.equal(message);
    });

    it('requests that call no tool', async () => {
      const down: VersionStore = {
        pin: () => Promise.reject(new Unavailable('down')),
        find: () => Promise.reject(new Unavailable('down')),
      };
      const one = new Server(signer, { versions: down });
      expect(await one.send({ jsonrpc: '2.0', id: 1, method: 'ping' })).to.equal(undefined);
      expect(await one.send({ jsonrpc: '2.0', id: 1, result: {} })).to.equal(undefined);
    });

    it('nothing on a stream that was opened by GET, where answers are sent again', async () => {
      const ctx = fakeContext({ method: 'GET' });
      const message = { jsonrpc: '2.0', id: 'any', result: { tools: [ADD, { name: 'other' }] } };
      const { result } = (await server.message(ctx, message)) as unknown as { result: Page };
      expect(namesOf(result)).to.deep.equal(['add']);
      expect(await verifyTool(result.tools[0] ?? {}, find(signer), NOW)).to.be.an('object');
    });
  });

  describe('hides tools', () => {
    const may = (name: string): May => (name === 'read' ? 'no' : 'depends');

    it('that the caller may not use, and no other', async () => {
      expect(namesOf(await server.list([ADD, READ], may))).to.deep.equal(['add']);
      expect(namesOf(await server.list([ADD, READ], () => 'yes'))).to.deep.equal(['add', 'read']);
      expect(namesOf(await server.list([ADD, READ]))).to.deep.equal(['add', 'read']);
    });

    it('without telling their names, while their digests are listed', async () => {
      const all = await server.list([ADD, READ]);
      const page = await server.list([ADD, READ], may);
      const compact = (page['_meta'] as WireTool)[MANIFEST] as string;
      const payload = Buffer.from(compact.split('.')[1] ?? '', 'base64url').toString();
      expect(payload).to.include(digestOfTool(all.tools[1] ?? {}));
      expect(JSON.stringify(page) + payload).to.not.include('read');
    });

    it('and still notices that one of them changed', async () => {
      await server.list([ADD, READ], may);
      await server.list([ADD, READS_MORE], may);
      expect(await server.call('read')).to.deep.include(CHANGED);
    });

    const modern = { tools: [ADD], resultType: 'complete', ttlMs: 0 };
    for (const [what, page, access, expected] of [
      ['turns public into private where lists differ', { ...modern, cacheScope: 'public' }, may, 'private'],
      ['keeps private', { ...modern, cacheScope: 'private' }, may, 'private'],
      ['keeps private where nothing is hidden', { ...modern, cacheScope: 'private' }, undefined, 'private'],
      ['keeps public where lists are the same for all', { ...modern, cacheScope: 'public' }, undefined, 'public'],
      ['adds private to the modern form', modern, may, 'private'],
      ['adds nothing where lists are the same for all', modern, undefined, undefined],
      ['adds nothing to the legacy form', { tools: [ADD] }, may, undefined],
      ['keeps private in the legacy form', { tools: [ADD], cacheScope: 'public' }, may, 'private'],
    ] as const) {
      it(`and ${what}`, async () => {
        expect((await server.list(page, access))['cacheScope']).to.equal(expected);
      });
    }
  });

  describe('signs', () => {
    it('each definition once, for all clients', async () => {
      await Promise.all([server.list([ADD, READ]), server.list([ADD, READ])]);
      await server.list([READ, ADD], () => 'no');
      const tool = server.signed.filter((typ) => typ === 'etdi-tool+jws');
      expect(tool).to.have.lengthOf(2);
      await server.list({ tools: [ADD], resultType: 'complete' });
      // The same definition has the same signature in both forms.
      expect(server.signed.filter((typ) => typ === 'etdi-tool+jws')).to.have.lengthOf(2);
    });

    it('anew when half of the lifetime is over, under the same digest', async () => {
      const first = await server.list([ADD]);
      const count = server.signed.length;
      server.time += 43_199_000;
      expect(await server.list([ADD])).to.deep.equal(first);
      expect(server.signed).to.have.lengthOf(count);
      server.time += 1000;
      const later = await server.list([ADD]);
      expect(server.signed).to.have.lengthOf(2 * count);
      expect(later.tools.map(digestOfTool)).to.deep.equal(first.tools.map(digestOfTool));
      expect(await verifyTool(later.tools[0] ?? {}, find(signer), new Date(server.time))).to.deep.include({
        expiresAt: new Date(server.time + 86_400_000),
      });
      expect(server.counted).to.deep.equal(['definition_pinned add', 'tool_missing read']);
    });

    it('anew when another key is active, under the same digest', async () => {
      const next = await fakeSigner();
      let active = signer;
      const one = new Server({ ...signer, current: () => active.current() });
      const before = await one.list([ADD]);
      active = next;
      const after = await one.list([ADD]);
      expect(after.tools.map(digestOfTool)).to.deep.equal(before.tools.map(digestOfTool));
      expect(await verifyTool(before.tools[0] ?? {}, find(signer), NOW)).to.be.an('object');
      expect(await verifyTool(after.tools[0] ?? {}, find(signer), NOW)).to.equal('signer_unknown');
      expect(await verifyTool(after.tools[0] ?? {}, find(next), NOW)).to.be.an('object');
      expect(await verifyManifest((after['_meta'] as WireTool)[MANIFEST], find(next), NOW)).to.be.an('object');
      expect(await one.call(approving('add', digestOfTool(before.tools[0] ?? {})))).to.equal(undefined);
    });

    it('again after an outage of the signer', async () => {
      const key = await signer.current();
      let down = true;
      const sign = (bytes: Uint8Array) => (down ? Promise.reject(new Unavailable('down')) : key.sign(bytes));
      const one = new Server({ ...signer, current: () => Promise.resolve({ ...key, sign }) });
      expect(await one.list([ADD]).catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
      down = false;
      expect(await verifyTool((await one.list([ADD])).tools[0] ?? {}, find(signer), NOW)).to.be.an('object');
    });
  });

  describe('when a definition changes without a new version', () => {
    it('publishes it no longer, and denies its calls', async () => {
      await server.list([ADD, READ]);
      expect(await server.call('add')).to.equal(undefined);
      expect(namesOf(await server.list([ADDS_MORE, READ]))).to.deep.equal(['read']);
      const denial = await server.call('add');
      expect(denial).to.be.instanceOf(Denial).and.to.deep.include(CHANGED);
      expect((denial as Denial).message).to.equal('The definition of the tool has changed');
      expect(await server.call('read')).to.equal(undefined);
      expect(await server.call('read', 'add')).to.deep.include(CHANGED);
    });

    it('denies notifications and batches alike', async () => {
      await server.list([ADD, READ]);
      await server.list([ADDS_MORE, READ]);
      const note = { jsonrpc: '2.0', method: 'tools/call', params: { name: 'add' } };
      expect(await server.send(note)).to.deep.include(CHANGED);
      expect(await server.send([{ jsonrpc: '2.0', id: 1, method: 'ping' }, note])).to.deep.include(CHANGED);
    });

    it('reports it once, and once more when it is over', async () => {
      const [add] = (await server.list([ADD, READ])).tools;
      await server.list([ADDS_MORE, READ]);
      await server.list([{ ...ADD, description: 'Does even more' }, READ]);
      await server.list([ADD, READ]);
      expect(server.events.slice(2)).to.deep.equal([
        {
          type: 'definition_changed',
          name: 'add',
          version: '1.0.0',
          form: 'legacy',
          digest: digestOfTool({
            ...ADDS_MORE,
            _meta: { [DEFINITION]: { version: '1.0.0', server: SERVER, publisher: SERVER, permissions: [] } },
          }),
        },
        { type: 'definition_restored', name: 'add', version: '1.0.0', form: 'legacy', digest: digestOfTool(add ?? {}) },
      ]);
      expect(await server.call('add')).to.equal(undefined);
    });

    it('takes it off the list in every form, whichever changed', async () => {
      const modern = { tools: [ADD, READ], resultType: 'complete' };
      await server.list([ADD, READ]);
      await server.list(modern);
      await server.list([ADDS_MORE, READ]);
      const page = await server.list(modern);
      expect(namesOf(page)).to.deep.equal(['read']);
      const manifest = await verifyManifest((page['_meta'] as WireTool)[MANIFEST], find(signer), NOW);
      expect(manifest).to.have.nested.property('manifest.tools').with.lengthOf(1);
    });

    it('publishes it under a new version', async () => {
      const versions = memoryVersions();
      await new Server(signer, { versions }).list([ADD, READ]);
      const next = defineTools({ ...Object.fromEntries(tools), add: { version: '1.0.1', permissions: [] } });
      const one = new Server(signer, { versions, tools: next });
      expect(namesOf(await one.list([ADDS_MORE, READ]))).to.deep.equal(['add', 'read']);
      expect(await one.call('add')).to.equal(undefined);
    });

    for (const [what, policy] of [
      ['permissions', { version: '1.0.0', permissions: ['file:read'] }],
      ['the need for a signature', { version: '1.0.0', permissions: [], requireSignature: true }],
      ['the code digest', { version: '1.0.0', permissions: [], codeDigest: CODE }],
      ['who may call it', { version: '1.0.0', permissions: [], allowedCallers: ['@root'] }],
      ['who may call it, to nobody', { version: '1.0.0', permissions: [], allowedCallers: [] }],
      ['who may not call it', { version: '1.0.0', permissions: [], blockedCallers: ['other'] }],
      ['whom it may call', { version: '1.0.0', permissions: [], allowedCallees: [] }],
      ['whom it may not call', { version: '1.0.0', permissions: [], blockedCallees: ['*'] }],
      ['how deep it may call', { version: '1.0.0', permissions: [], maxCallDepth: 1 }],
    ] as const) {
      it(`sees a change of ${what} as one`, async () => {
        const versions = memoryVersions();
        await new Server(signer, { versions }).list([ADD]);
        const one = new Server(signer, { versions, tools: defineTools({ add: policy }) });
        expect(namesOf(await one.list([ADD]))).to.deep.equal([]);
        expect(await one.call('add')).to.deep.include(CHANGED);
      });
    }

    it('compares each form with its own kind', async () => {
      const modern = { tools: [{ ...ADD, inputSchema: { type: 'object', $schema: 'x' } }], resultType: 'complete' };
      await server.list([ADD]);
      expect(namesOf(await server.list(modern))).to.deep.equal(['add']);
      expect(namesOf(await server.list([ADD]))).to.deep.equal(['add']);
      expect(namesOf(await server.list(modern.tools))).to.deep.equal([]);
    });
  });

  describe('after a restart', () => {
    let versions: VersionStore;

    beforeEach(async () => {
      versions = memoryVersions();
      await new Server(signer, { versions }).list([ADD, READ]);
    });

    const legacy =
      (...list: readonly WireTool[]) =>
      (): ServedTools => ({ legacy: list });

    it('denies calls of a changed tool before any list has passed, where the tools can be listed', async () => {
      const one = new Server(signer, { versions, source: legacy(ADDS_MORE, READ) });
      expect(await one.call('add')).to.deep.include(CHANGED);
      expect(await one.call('read')).to.equal(undefined);
      expect(one.counted).to.deep.equal(['definition_changed add']);
    });

    it('denies calls of a tool that was known to be changed, where they cannot', async () => {
      await new Server(signer, { versions }).list([ADDS_MORE, READ]);
      const one = new Server(signer, { versions });
      expect(await one.call('add')).to.deep.include(CHANGED);
      expect(await one.call('read')).to.equal(undefined);
      await one.list([ADD, READ]);
      expect(await one.call('add')).to.equal(undefined);
      expect(await new Server(signer, { versions }).call('add')).to.equal(undefined);
    });

    it('reports anew what is still changed', async () => {
      await new Server(signer, { versions }).list([ADDS_MORE, READ]);
      const one = new Server(signer, { versions, source: legacy(ADDS_MORE, READ) });
      expect(await one.call('add')).to.deep.include(CHANGED);
      await one.list([ADDS_MORE, READ]);
      expect(one.counted).to.deep.equal(['definition_changed add']);
    });

    it('decides by what is served, not by what was known, where the tools can be listed', async () => {
      await new Server(signer, { versions }).list([ADDS_MORE, READ]);
      const one = new Server(signer, { versions, source: legacy(ADD, READ) });
      expect(await one.call('add')).to.equal(undefined);
      expect(one.counted).to.deep.equal(['definition_restored add']);
    });

    it('holds clients to digests before any list has passed', async () => {
      const digest = digestOfTool((await server.list([ADD])).tools[0] ?? {});
      const one = new Server(signer, { versions });
      expect(await one.call(approving('add', digest))).to.equal(undefined);
      expect(await one.call(approving('add', CODE))).to.deep.include(CHANGED);
    });

    it('lists all digests on the first page, where the tools can be listed', async () => {
      const one = new Server(signer, { source: legacy(ADD, READ) });
      const page = await one.list({ tools: [ADD], nextCursor: 'more' });
      const manifest = await verifyManifest((page['_meta'] as WireTool)[MANIFEST], find(signer), NOW);
      expect(manifest).to.have.nested.property('manifest.tools').with.lengthOf(2);
    });

    it('needs no more of a store than to pin', async () => {
      const { pin } = versions;
      const one = new Server(signer, { versions: { pin } });
      expect(await one.call('add')).to.equal(undefined);
      await one.list([ADDS_MORE]);
      expect(await one.call('add')).to.deep.include(CHANGED);
    });

    it('reports what is defined and not served, and the other way round, before any list', async () => {
      const other = { ...ADD, name: 'other' };
      const one = new Server(signer, { source: () => Promise.resolve({ legacy: [ADD], modern: [ADD, other] }) });
      await one.call('add');
      expect(one.counted).to.have.members([
        'definition_pinned add',
        'definition_pinned add',
        'tool_undefined other',
        'tool_missing read',
      ]);
    });
  });

  describe('when a call states a digest', () => {
    it('needs it to be that of the tool, in any of its forms', async () => {
      const modern = { tools: [{ ...ADD, title: 'Modern' }, READ], resultType: 'complete' };
      const digests = [await server.list([ADD, READ]), await server.list(modern)].map((page) =>
        page.tools.map(digestOfTool),
      );
      const [[legacyAdd, read] = [], [modernAdd] = []] = digests;
      expect(legacyAdd).to.not.equal(modernAdd);
      for (const digest of [legacyAdd, modernAdd])
        expect(await server.call(approving('add', digest))).to.equal(undefined);
      expect(await server.call(approving('add', read))).to.deep.include(CHANGED);
      expect(await server.call(approving('read', read), approving('add', legacyAdd))).to.equal(undefined);
      expect(await server.call(approving('read', read), approving('add', read))).to.deep.include(CHANGED);
    });

    for (const digest of [CODE, '', 'sha256:', null, 0, true, [], {}]) {
      it(`denies ${JSON.stringify(digest)}`, async () => {
        await server.list([ADD]);
        expect(await server.call(approving('add', digest))).to.deep.include(CHANGED);
      });
    }

    it('denies the digest of an earlier version', async () => {
      const versions = memoryVersions();
      const old = digestOfTool((await new Server(signer, { versions }).list([ADD])).tools[0] ?? {});
      const next = new Server(signer, { versions, tools: defineTools({ add: { version: '2.0.0', permissions: [] } }) });
      const now = digestOfTool((await next.list([ADD])).tools[0] ?? {});
      expect(await next.call(approving('add', old))).to.deep.include(CHANGED);
      expect(await next.call(approving('add', now))).to.equal(undefined);
    });

    it('denies any while nothing is known of the tool, and takes calls that state none', async () => {
      const digest = digestOfTool((await new Server(signer).list([ADD])).tools[0] ?? {});
      expect(await server.call(approving('add', digest))).to.deep.include(CHANGED);
      expect(await server.call('add', { name: 'add', _meta: null }, { name: 'add', _meta: [CODE] })).to.equal(
        undefined,
      );
    });
  });

  it('denies calls of tools that are not defined', async () => {
    for (const name of ['other', 'Add', '', 'toString']) {
      const denial = await server.call('add', name);
      expect(denial, name).to.deep.include({ status: 403, code: 'tool_undefined', policy: true });
    }
    expect(await server.call({ name: 5 })).to.deep.include({ code: 'tool_undefined' });
  });

  describe('when something is down', () => {
    it('publishes and calls nothing on a guess, and recovers', async () => {
      const inner = memoryVersions();
      let down = true;
      const attempt = <Value>(work: () => Value): Promise<Value> =>
        down ? Promise.reject(new Unavailable('down')) : Promise.resolve(work());
      const versions: VersionStore = {
        pin: async (...args) => attempt(() => inner.pin(...args)).then((value) => value),
        find: async (...args) => attempt(() => inner.find?.(...args) ?? []).then((value) => value),
      };
      const one = new Server(signer, { versions });
      expect(await one.call('add')).to.be.instanceOf(Unavailable);
      expect(await one.list([ADD]).catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
      down = false;
      expect(namesOf(await one.list([ADD]))).to.deep.equal(['add']);
      expect(await one.call('add')).to.equal(undefined);
      down = true;
      // What is known needs no store.
      expect(namesOf(await one.list([ADD]))).to.deep.equal(['add']);
      expect(await one.list([ADDS_MORE]).catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
    });

    it('asks the source once, and again only when it failed', async () => {
      let asked = 0;
      const source = async (): Promise<ServedTools> => {
        asked += 1;
        await Promise.resolve();
        if (asked === 1) throw new Error('not yet');
        return { legacy: [ADD] };
      };
      const one = new Server(signer, { source });
      expect(await one.call('add'))
        .to.be.an('error')
        .with.property('message', 'not yet');
      expect(await Promise.all([one.call('add'), one.call('add'), one.call('add')])).to.deep.equal([
        undefined,
        undefined,
        undefined,
      ]);
      await one.list([ADD]);
      expect(asked).to.equal(2);
    });
  });

  describe('tells a listener', () => {
    it('that may fail in any way', async () => {
      const warned: string[] = [];
      const listen = (warning: Error): void => void warned.push(warning.message);
      process.on('warning', listen);
      try {
        const failing = [
          () => {
            throw new Error('thrown');
          },
          () => Promise.reject(new Error('late')),
        ];
        for (const onEvent of failing) {
          expect(namesOf(await new Server(signer, { onEvent }).list([ADD, READ]))).to.deep.equal(['add', 'read']);
        }
        while (warned.length < 4) await once(process, 'warning');
        expect(warned).to.have.members(['thrown', 'thrown', 'late', 'late']);
      } finally {
        process.off('warning', listen);
      }
    });

    it('or warns of what is wrong, with names that cannot break a line', async () => {
      const { signer: _counted, ...options } = { signer, tools, resource: SERVER, versions: memoryVersions() };
      const middleware = publishTools({ ...options, signer });
      const ctx = fakeContext({ body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } });
      await middleware.run(ctx);
      const warned = once(process, 'warning');
      await middleware.hooks?.message?.(ctx, { id: 1, result: { tools: [ADD, READ, { name: 'a\nb' }] } });
      const [warning] = (await warned) as [Error];
      expect(warning.message).to.equal(
        "publishTools: the tool 'a\\u000ab' is served and not defined, so it is not published; add it to defineTools",
      );
    });

    describe('of a trail', () => {
      let sandbox: TrailSandbox;
      beforeEach(async () => {
        sandbox = await TrailSandbox.create();
      });
      afterEach(() => sandbox.remove());

      it('and warns of a tool that is hidden, once each time: nobody reads a trail as it grows', async () => {
        const trail = await sandbox.open();
        const warned = await warningsOf(async () => {
          const one = new Server(signer, { onEvent: trail.onToolEvent });
          await one.list([ADD, READ]);
          await one.list([{ ...ADD, description: 'Adds, and more' }, READ]);
          await one.list([{ ...ADD, description: 'Adds, and more' }, READ]);
          await one.list([ADD, READ]);
          await one.list([{ ...ADD, description: 'Adds, and more' }, READ, { name: 'other' }]);
        });
        const changed =
          "publishTools: the tool 'add' has changed without a new version, so it is not published and not called; raise its version";
        expect(warned).to.deep.equal([
          changed,
          changed,
          "publishTools: the tool 'other' is served and not defined, so it is not published; add it to defineTools",
        ]);
        await trail.close();
        const types = (await sandbox.lines()).filter((line) => line.includes('"type":"definition_changed"'));
        expect(types).to.have.length(2);
      });

      it('and so beside any listener that only records', async () => {
        const heard: string[] = [];
        const hear = ({ type }: ToolEvent): number => heard.push(type);
        const warned = await warningsOf(async () => {
          await new Server(signer, { onEvent: Object.assign(hear, { recordsOnly: true } as const) }).list([
            ADD,
            READ,
            { name: 'other' },
          ]);
        });
        expect(warned).to.have.length(1);
        expect(heard).to.include('tool_undefined');
      });

      it('and warns of nothing where one of its own hands on what it hears', async () => {
        const trail = await sandbox.open();
        const heard: string[] = [];
        const onEvent = (event: ToolEvent): void => {
          heard.push(event.type);
          trail.onToolEvent(event);
        };
        const warned = await warningsOf(async () => {
          await new Server(signer, { onEvent }).list([ADD, { name: 'other' }]);
        });
        expect(warned).to.deep.equal([]);
        expect(heard).to.deep.equal(['definition_pinned', 'tool_undefined', 'tool_missing']);
      });
    });
  });

  describe('is built', () => {
    const good = { tools, signer: { current: () => Promise.reject(new Error('unused')) }, resource: SERVER };

    it('after the access that it reads, and proves nothing', () => {
      expect(publishTools({ ...good, versions: memoryVersions() })).to.deep.include({
        name: 'publishTools',
        needs: [],
        reads: ['access'],
        adds: [],
      });
    });

    for (const [what, options, message] of [
      ['no options', undefined, 'pass one object'],
      ['an option that is not known', { ...good, version: {} }, "unknown option 'version'; did you mean 'versions'?"],
      ['tools of its own making', { ...good, tools: { names: [] } }, "'tools' must be what defineTools"],
      [
        'a signer that is a key',
        { ...good, signer: {} },
        "'signer' must be a signer, such as keyStore.signer('definition')",
      ],
      ['no resource', { ...good, resource: undefined }, "'resource' must be an absolute URL"],
      ['a resource without TLS', { ...good, resource: 'http://mcp.example/mcp' }, "'resource' must be an https URL"],
      ['an empty publisher', { ...good, publisher: '' }, "'publisher' must be a non-empty string"],
      ['a path for versions', { ...good, versions: 'x.json' }, "'versions' must be a store"],
      ['a store that cannot pin', { ...good, versions: { find: () => [] } }, "'versions' must be a store"],
      ['a list as source', { ...good, source: [] }, "'source' must be a function"],
      ['a negative serial', { ...good, serial: -1 }, "'serial' must be a whole number from 0"],
      ['a lifetime of seconds', { ...good, lifetime: 59 }, "'lifetime' must be a whole number from 60"],
    ] as const) {
      it(`not with ${what}`, () => {
        expect(() => publishTools(options as never)).to.throw(TypeError, `publishTools: ${message}`);
      });
    }

    it('not with tools without a version', () => {
      const unversioned = defineTools({
        a: { permissions: [] },
        b: { version: '1.0.0', permissions: [] },
        c: { permissions: [] },
      });
      expect(() => publishTools({ ...good, tools: unversioned })).to.throw(
        TypeError,
        "publishTools: give each of these tools a 'version' in defineTools: a, c",
      );
    });

    it('not with a code digest that is none', () => {
      for (const codeDigest of ['abc', CODE.toUpperCase(), `${CODE} `, 5]) {
        const define = (): unknown => defineTools({ a: { permissions: [], codeDigest: codeDigest as string } });
        expect(define).to.throw(TypeError, "'codeDigest' must be 'sha256:' and 64 digits of lower-case hex");
      }
    });
  });
});
