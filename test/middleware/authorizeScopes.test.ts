import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import fc from 'fast-check';
import { Denial, isDenial, Unavailable } from '../../lib/denial.js';
import type { Signature } from '../../lib/signatures/signature.js';
import { fakeContext } from '../../lib/testing.js';
import type { Auth } from '../../lib/tokens/auth.js';
import { defineTools, type Tools } from '../../lib/tools/defineTools.js';
import type { PolicyCall } from '../../lib/tools/policies.js';
import { authorizeScopes, type Access, type AuthorizeScopesOptions } from '../../middleware/authorizeScopes.js';

const METADATA = 'https://mcp.example/.well-known/oauth-protected-resource/mcp';

const tools = defineTools({
  read_file: { permissions: ['file:read'] },
  copy_file: { permissions: ['file:read', 'file:write'] },
  reset: { permissions: [], roles: ['admin', 'operator'] },
  open: { permissions: [] },
});

const SIGNATURE: Signature = Object.freeze({
  keyId: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
  algorithm: 'ES256',
  owner: 'https://peer.example/mcp',
  clientId: 'agent',
  mayRoot: false,
  created: 1,
  expires: 2,
  nonce: 'n',
  components: [],
});

interface Given {
  readonly scopes?: readonly string[];
  readonly roles?: readonly string[];
  readonly auth?: Partial<Auth>;
  readonly method?: string;
}

function authOf({ scopes = [], roles = [], auth = {} }: Given = {}): Auth {
  return Object.freeze({
    issuer: 'https://issuer.example',
    subject: 'alice',
    clientId: 'agent',
    scopes: Object.freeze([...scopes]),
    roles: Object.freeze([...roles]),
    resource: 'https://mcp.example/mcp',
    expiresAt: 2_000_000_000,
    token: 'token',
    claims: Object.freeze({}),
    ...auth,
  });
}

async function admit(options: AuthorizeScopesOptions, body: unknown, given: Given = {}): Promise<Access> {
  const { method = 'POST' } = given;
  const ctx = fakeContext<'auth'>({ method, body, state: { auth: authOf(given) } });
  return (await authorizeScopes(options).run(ctx)).access;
}

async function denial(options: AuthorizeScopesOptions, body: unknown, given: Given = {}): Promise<Denial> {
  try {
    await admit(options, body, given);
  } catch (error) {
    if (isDenial(error)) return error;
    throw error;
  }
  throw new Error('was allowed');
}

const codeOf = async (...args: Parameters<typeof denial>): Promise<string> => (await denial(...args)).code;

async function scopesOf(...args: Parameters<typeof denial>): Promise<string | undefined> {
  const { code, headers } = await denial(...args);
  expect(code).to.equal('scope_insufficient');
  return /scope="([^"]*)"/.exec(headers['WWW-Authenticate'] ?? '')?.[1];
}

async function failure(options: AuthorizeScopesOptions, body: unknown): Promise<unknown> {
  return admit(options, body).then(
    () => undefined,
    (error: unknown) => error,
  );
}

const rpc = (method: string, params?: unknown, id: unknown = 1) => ({ jsonrpc: '2.0', id, method, params });
const notification = (method: string, params?: unknown) => ({ jsonrpc: '2.0', method, params });
const call = (name: unknown, args?: unknown) => rpc('tools/call', { name, arguments: args });

describe('authorizeScopes', () => {
  it('reads who calls, of whom there must be a proof, and adds what they may do', () => {
    expect(authorizeScopes({ tools })).to.deep.include({
      name: 'authorizeScopes',
      needs: [],
      oneOf: ['auth', 'signature'],
      reads: ['auth', 'signature'],
      adds: ['access'],
    });
  });

  describe('tools', () => {
    it('allows a call whose permissions are all held', async () => {
      const access = await admit({ tools }, call('copy_file'), { scopes: ['file:read', 'file:write', 'mail'] });
      expect(access.required).to.deep.equal(['file:read', 'file:write']);
      expect(access.granted).to.deep.equal(['file:read', 'file:write', 'mail']);
    });

    it('denies a call for which one permission is missing, and names all in the challenge, held or not', async () => {
      const denied = await denial({ tools }, call('copy_file'), { scopes: ['file:read'] });
      expect(denied).to.include({ status: 403, code: 'scope_insufficient', policy: false });
      expect(denied.headers).to.deep.equal({
        'WWW-Authenticate': `Bearer error="insufficient_scope", scope="file:read file:write", resource_metadata="${METADATA}"`,
      });
      expect(denied.detail).to.deep.equal({
        required: ['file:read', 'file:write'],
        granted: ['file:read'],
        missing: ['file:write'],
      });
    });

    it('allows whoever is proven to call a tool that says it needs nothing', async () => {
      expect((await admit({ tools }, call('open'))).required).to.deep.equal([]);
    });

    it('denies a tool that is not defined, without a challenge, whatever the token grants', async () => {
      const names = [
        'delete_file',
        'Read_File',
        'READ_FILE',
        'read_file ',
        ' read_file',
        'read_file\u0000',
        'read_file\n',
        're\u0430d_file',
        '\uff52ead_file',
        'read\u200b_file',
        'read_fi\u006ce\u0301',
        'read_file,open',
        '*',
        '',
        '__proto__',
        'constructor',
        'prototype',
        'toString',
        'hasOwnProperty',
        'get',
        'x'.repeat(100_000),
      ];
      for (const name of names) {
        const denied = await denial({ tools }, call(name), { scopes: [name, 'file:read', '*'], roles: ['admin'] });
        expect(denied, name.slice(0, 40)).to.include({ status: 403, code: 'tool_undefined', policy: true });
        expect(denied.headers).to.deep.equal({});
      }
    });

    it('denies a call that names no tool, or names it by what is no text', async () => {
      for (const name of [undefined, null, 1, true, ['open'], { toString: 'open' }, {}]) {
        expect(await codeOf({ tools }, call(name)), JSON.stringify(name)).to.equal('tool_undefined');
      }
      expect(await codeOf({ tools }, rpc('tools/call'))).to.equal('tool_undefined');
      expect(await codeOf({ tools }, rpc('tools/call', { tool: 'open' }))).to.equal('tool_undefined');
      expect(await codeOf({ tools }, rpc('tools/call', { __proto__: { name: 'open' } }))).to.equal('tool_undefined');
      const own = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"__proto__":{"name":"open"}}}';
      expect(await codeOf({ tools }, own)).to.equal('tool_undefined');
    });

    it('decides over a tool call that is sent as a notification', async () => {
      expect(await scopesOf({ tools }, notification('tools/call', { name: 'read_file' }))).to.equal('file:read');
      expect(await codeOf({ tools }, notification('tools/call', { name: 'gone' }))).to.equal('tool_undefined');
    });

    it('takes the method in its exact spelling only', async () => {
      for (const method of ['Tools/Call', 'tools/call ', 'tools//call', 'tools/call/', 'tools\u2044call', 'call', '']) {
        const body = rpc(method, { name: 'open' });
        expect(await codeOf({ tools }, body), method).to.equal('method_undefined');
      }
    });

    it('decides over the last of two members with one name, which is the one that handlers see', async () => {
      const twoMethods = (first: string, second: string): string =>
        `{"jsonrpc":"2.0","id":1,"method":"${first}","method":"${second}","params":{"name":"read_file"}}`;
      expect(await codeOf({ tools }, twoMethods('ping', 'tools/call'))).to.equal('scope_insufficient');
      expect((await admit({ tools }, twoMethods('tools/call', 'ping'))).required).to.deep.equal([]);
      const twoNames = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open","name":"read_file"}}';
      expect(await codeOf({ tools }, twoNames)).to.equal('scope_insufficient');
      const twoParams =
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open"},"params":{"name":"read_file"}}';
      expect(await codeOf({ tools }, twoParams)).to.equal('scope_insufficient');
    });

    it('never decides from headers', async () => {
      const headers = { 'mcp-tool': 'open', 'x-permissions': 'file:read', 'x-etdi-permissions': 'file:read' };
      const ctx = fakeContext<'auth'>({ headers, body: call('read_file'), state: { auth: authOf() } });
      const error: unknown = await Promise.resolve(authorizeScopes({ tools }).run(ctx)).catch((e: unknown) => e);
      expect(error).to.be.instanceOf(Denial).with.property('code', 'scope_insufficient');
    });
  });

  describe('batches', () => {
    const both = { scopes: ['file:read', 'file:write'] };

    it('decides over every message', async () => {
      const harmless = Array.from({ length: 98 }, (_, id) => rpc('ping', undefined, id));
      for (const hidden of [call('read_file'), notification('tools/call', { name: 'read_file' })]) {
        for (const body of [
          [hidden, ...harmless],
          [...harmless, hidden],
          [...harmless.slice(50), hidden, ...harmless.slice(0, 50)],
        ]) {
          expect(await scopesOf({ tools }, body)).to.equal('file:read');
        }
      }
    });

    it('decides over calls that share an id', async () => {
      expect(await codeOf({ tools }, [call('open'), call('gone')])).to.equal('tool_undefined');
    });

    it('names the scopes of all messages in one challenge', async () => {
      const body = [call('read_file'), call('open'), call('copy_file'), rpc('tools/list')];
      expect(await scopesOf({ tools, base: ['mcp'] }, body, { scopes: ['file:read'] })).to.equal(
        'file:read file:write mcp',
      );
    });

    it('gives no challenge when a token would cure only a part', async () => {
      const denied = await denial({ tools }, [call('read_file'), call('gone')]);
      expect(denied.code).to.equal('tool_undefined');
      expect(denied.headers).to.deep.equal({});
    });

    it('allows when all is allowed, and says what was needed', async () => {
      const access = await admit({ tools }, [call('read_file'), call('copy_file')], both);
      expect(access.required).to.deep.equal(['file:read', 'file:write']);
    });
  });

  describe('base', () => {
    const options = { tools, base: ['mcp'] };
    const methods = [
      'initialize',
      'server/discover',
      'ping',
      'tools/list',
      'prompts/list',
      'resources/list',
      'resources/templates/list',
      'logging/setLevel',
      'subscriptions/listen',
    ];
    const notifications = ['initialized', 'cancelled', 'progress', 'roots/list_changed'];

    it('decides over the plain methods of MCP', async () => {
      const bodies = [
        ...methods.map((method) => rpc(method)),
        ...notifications.map((name) => notification(`notifications/${name}`)),
      ];
      for (const body of bodies) {
        expect(await scopesOf(options, body), body.method).to.equal('mcp');
        expect((await admit(options, body, { scopes: ['mcp'] })).required, body.method).to.deep.equal(['mcp']);
        expect((await admit({ tools }, body)).required, body.method).to.deep.equal([]);
      }
    });

    it('decides over responses of the client', async () => {
      for (const answer of [{ result: {} }, { error: { code: 1, message: 'no' } }]) {
        const body = { jsonrpc: '2.0', id: 1, ...answer };
        expect(await scopesOf(options, body)).to.equal('mcp');
        expect((await admit(options, body, { scopes: ['mcp'] })).required).to.deep.equal(['mcp']);
      }
    });

    it('decides over requests without messages', async () => {
      for (const method of ['GET', 'DELETE', 'HEAD', 'OPTIONS']) {
        expect(await scopesOf(options, undefined, { method }), method).to.equal('mcp');
        expect((await admit(options, undefined, { method, scopes: ['mcp'] })).required, method).to.deep.equal(['mcp']);
      }
    });

    it('does not decide over what has a policy of its own', async () => {
      expect((await admit(options, call('open'))).required).to.deep.equal([]);
    });
  });

  describe('methods', () => {
    const unknown = [
      'tasks/get',
      'tasks/list',
      'tasks/result',
      'tasks/cancel',
      'tasks/update',
      'notifications/tasks/status',
      'notifications/unheard_of',
      'notifications/',
      'notifications',
      'sampling/createMessage',
      'elicitation/create',
      'roots/list',
      'skills/list',
      'rpc.discover',
      'debug/eval',
      'PING',
      'ping ',
      '__proto__',
      'constructor',
      'toString',
    ];

    it('denies every method that no policy knows, tasks among them', async () => {
      for (const method of unknown) {
        const denied = await denial({ tools, base: [] }, rpc(method), { scopes: [method] });
        expect(denied, method).to.include({ status: 403, code: 'method_undefined', policy: true });
      }
    });

    it('decides over a method by a policy of its own, in place of base', async () => {
      const options = {
        tools,
        base: ['mcp'],
        methods: { 'tasks/get': ['task:read'], 'tools/list': { permissions: [] } },
      };
      expect(await scopesOf(options, rpc('tasks/get', { taskId: 't' }))).to.equal('task:read');
      expect((await admit(options, rpc('tasks/get'), { scopes: ['task:read'] })).required).to.deep.equal(['task:read']);
      expect((await admit(options, rpc('tools/list'))).required).to.deep.equal([]);
      expect(await scopesOf(options, rpc('ping'))).to.equal('mcp');
    });

    it('gives rules the parameters', async () => {
      const owned = ({ arguments: given, auth }: PolicyCall): boolean => given['taskId'] === `${auth?.subject}-1`;
      const options = { tools, methods: { 'tasks/get': { permissions: [], allow: (one: PolicyCall) => owned(one) } } };
      await admit(options, rpc('tasks/get', { taskId: 'alice-1' }));
      expect(await codeOf(options, rpc('tasks/get', { taskId: 'bob-1' }))).to.equal('argument_denied');
      expect(await codeOf(options, rpc('tasks/get'))).to.equal('argument_denied');
    });
  });

  describe('prompts', () => {
    const options = { tools, prompts: { greet: ['prompt:greet'], free: [] } };

    it('are denied unless defined', async () => {
      await admit(options, rpc('prompts/get', { name: 'free' }));
      expect(await scopesOf(options, rpc('prompts/get', { name: 'greet' }))).to.equal('prompt:greet');
      for (const name of ['other', 'Free', 'free ', '', '__proto__', 'constructor', undefined, 1, ['free']]) {
        expect(await codeOf(options, rpc('prompts/get', { name })), String(name)).to.equal('prompt_undefined');
      }
      expect(await codeOf({ tools }, rpc('prompts/get', { name: 'free' }))).to.equal('prompt_undefined');
    });

    it('are no tools, and tools are no prompts', async () => {
      expect(await codeOf(options, rpc('prompts/get', { name: 'open' }))).to.equal('prompt_undefined');
      expect(await codeOf(options, call('free'))).to.equal('tool_undefined');
    });

    it('decide over the completion of their arguments', async () => {
      const complete = (ref: unknown) => rpc('completion/complete', { ref, argument: { name: 'a', value: 'x' } });
      await admit(options, complete({ type: 'ref/prompt', name: 'free' }));
      expect(await scopesOf(options, complete({ type: 'ref/prompt', name: 'greet' }))).to.equal('prompt:greet');
      const refs = [
        { type: 'ref/prompt', name: 'other' },
        { type: 'ref/prompt', name: '__proto__' },
        { type: 'ref/prompt', uri: 'free' },
        { type: 'ref/tool', name: 'free' },
        { type: 'REF/PROMPT', name: 'free' },
        { name: 'free' },
        'free',
        ['ref/prompt', 'free'],
        null,
        undefined,
      ];
      for (const ref of refs)
        expect(await codeOf(options, complete(ref)), JSON.stringify(ref)).to.equal('prompt_undefined');
    });

    it('see the arguments so far while one is completed', async () => {
      const seen: PolicyCall[] = [];
      const allow = (one: PolicyCall): boolean => seen.push(one) > 0;
      const ref = { type: 'ref/prompt', name: 'greet' };
      const context = { arguments: { title: 'Dr' } };
      const argument = { name: 'name', value: 'Al' };
      await admit(
        { tools, prompts: { greet: { permissions: [], allow } } },
        rpc('completion/complete', { ref, argument, context }),
      );
      expect(seen[0]).to.deep.include({
        method: 'completion/complete',
        target: { kind: 'prompt', name: 'greet' },
        arguments: { title: 'Dr', name: 'Al' },
      });
    });
  });

  describe('resources', () => {
    const options: AuthorizeScopesOptions = {
      tools,
      resources: {
        'test://static-text': ['text:read'],
        'file:///docs/*': ['docs:read'],
        'test://notes/{id}': {
          permissions: ['notes:read'],
          permissionsFor: ({ arguments: { id } }) => [`notes:read:${String(id)}`],
        },
      },
    };

    it('may be subscribed to without a URI only where that has a policy, which decides over nothing else', async () => {
      const methods = { 'resources/subscribe': ['nothing:subscribe'], 'resources/unsubscribe': [] };
      const told = { ...options, methods };
      expect(await scopesOf(told, rpc('resources/subscribe', {}))).to.equal('nothing:subscribe');
      expect(await failure(told, rpc('resources/unsubscribe', {}))).to.equal(undefined);
      expect(await codeOf(told, rpc('resources/subscribe', { uri: 'x' }))).to.equal('resource_undefined');
      expect(await codeOf(told, rpc('resources/subscribe', { uri: '' }))).to.equal('resource_undefined');
      expect(await codeOf(told, rpc('resources/subscribe', { uri: null }))).to.equal('resource_undefined');
      expect(await scopesOf(told, rpc('resources/subscribe', { uri: 'test://static-text' }))).to.equal('text:read');
      expect(await codeOf(options, rpc('resources/subscribe', {}))).to.equal('method_undefined');
    });

    it('are denied unless a URI or template is defined, for every method that names one', async () => {
      for (const method of [
        'resources/read',
        'resources/subscribe',
        'resources/unsubscribe',
        'resources/directory/read',
      ]) {
        expect(await scopesOf(options, rpc(method, { uri: 'test://static-text' })), method).to.equal('text:read');
        for (const uri of [
          'test://static-tex',
          'file:///etc/passwd',
          '',
          'x',
          undefined,
          1,
          ['test://static-text'],
          '__proto__',
        ]) {
          const isNothing = uri === undefined && method.endsWith('subscribe');
          expect(await codeOf(options, rpc(method, { uri })), `${method} ${String(uri)}`).to.equal(
            isNothing ? 'method_undefined' : 'resource_undefined',
          );
        }
        expect(await codeOf({ tools }, rpc(method, { uri: 'test://static-text' }))).to.equal('resource_undefined');
      }
    });

    it('are looked up as the SDK does: normalised', async () => {
      for (const uri of ['file:///docs/a', 'file:///x/../docs/a', 'FILE:/docs/%2e/a']) {
        expect(await scopesOf(options, rpc('resources/read', { uri })), uri).to.equal('docs:read');
      }
      for (const uri of ['file:///docs/../etc/passwd', 'file:///docs/%2e%2e/etc', 'file:///docs/..%2fetc']) {
        expect(await codeOf(options, rpc('resources/read', { uri })), uri).to.equal('resource_undefined');
      }
    });

    it('are not read with the permission of others in a spelling that means the same file', async () => {
      const stricter = { ...options.resources, 'file:///docs/s%C3%A9c(ret).txt': ['docs:secret'] };
      const uris = [
        'file:///docs/s\u00e9c(ret).txt',
        'file:///docs/s%c3%a9c(ret).txt',
        'file:///docs/%73%C3%A9c(ret).txt',
        'file:///docs/s%C3%A9c%28ret%29.txt',
        'file:///docs/s%C3%A9c(ret)%2Etxt',
        'FILE:/docs/x/%2e%2e/s%C3%A9c(ret).txt',
        'file://localhost/docs/s%C3%A9c(ret).txt',
        'file:///docs/s%C3%A9c(ret).txt/',
      ];
      for (const uri of uris) {
        expect(resolve(fileURLToPath(uri)), uri).to.equal(resolve('/docs/s\u00e9c(ret).txt'));
        const body = rpc('resources/read', { uri });
        const code = await codeOf({ ...options, resources: stricter }, body, { scopes: ['docs:read'] });
        expect(code, uri).to.be.oneOf(['scope_insufficient', 'resource_undefined']);
      }
    });

    it('need the permissions of the very resource', async () => {
      const body = rpc('resources/read', { uri: 'test://notes/7' });
      expect(await scopesOf(options, body, { scopes: ['notes:read'] })).to.equal('notes:read notes:read:7');
      await admit(options, body, { scopes: ['notes:read', 'notes:read:7'] });
      expect(await scopesOf(options, body, { scopes: ['notes:read', 'notes:read:8'] })).to.equal(
        'notes:read notes:read:7',
      );
    });

    it('decide over the completion of their variables, by the text of the template', async () => {
      const complete = (uri: string, value = '7') =>
        rpc('completion/complete', { ref: { type: 'ref/resource', uri }, argument: { name: 'id', value } });
      expect(await scopesOf(options, complete('test://notes/{id}'))).to.equal('notes:read notes:read:7');
      expect(await codeOf(options, complete('test://notes/{id}', ''))).to.equal('argument_denied');
      expect(await scopesOf(options, complete('test://static-text'))).to.equal('text:read');
      expect(await codeOf(options, complete('test://other/{id}'))).to.equal('resource_undefined');
    });

    it('decide over subscriptions to them, every one', async () => {
      const listen = (resourceSubscriptions: unknown) =>
        rpc('subscriptions/listen', { notifications: { toolsListChanged: true, resourceSubscriptions } });
      expect(await scopesOf(options, listen(['file:///docs/a', 'test://static-text']))).to.equal('docs:read text:read');
      await admit(options, listen([]));
      await admit(options, listen(undefined));
      const wrong = [
        ['file:///docs/a', 'file:///etc/passwd'],
        [1],
        'test://static-text',
        { 0: 'test://static-text' },
        null,
      ];
      for (const list of [...wrong, Array.from({ length: 1001 }, () => 'test://static-text')]) {
        expect(await codeOf(options, listen(list), { scopes: ['docs:read', 'text:read'] })).to.equal(
          'resource_undefined',
        );
      }
    });

    it('are not subscribed to by more than 1000 URIs in a request, however many messages share them', async () => {
      const listen = (length: number) => {
        const resourceSubscriptions = Array.from({ length }, () => 'file:///docs/a');
        return rpc('subscriptions/listen', { notifications: { resourceSubscriptions } });
      };
      const given = { scopes: ['docs:read'] };
      for (const lengths of [[1000], [500, 500], [1000, 0]]) await admit(options, lengths.map(listen), given);
      for (const lengths of [[1001], [500, 501], [1000, 1], [1, 1000], Array.from({ length: 100 }, () => 1000)]) {
        expect(await codeOf(options, lengths.map(listen), given)).to.equal('resource_undefined');
      }
    });

    it('give rules their URI as it will be looked up, and the variables', async () => {
      const seen: PolicyCall[] = [];
      const allow = (one: PolicyCall): boolean => seen.push(one) > 0;
      await admit(
        { tools, resources: { 'file:///docs/{name}': { permissions: [], allow } } },
        rpc('resources/read', { uri: 'FILE:///x/../docs/a' }),
      );
      expect(seen[0]?.target).to.deep.equal({ kind: 'resource', name: 'file:///docs/a' });
      expect(seen[0]?.arguments).to.deep.equal({ name: 'a' });
    });
  });

  describe('rules that depend on arguments', () => {
    const dependent = defineTools({
      read: {
        permissions: ['file:read'],
        permissionsFor: ({ arguments: { project } }) => [`project:${String(project)}:read`],
      },
      transfer: {
        permissions: ['bank:transfer'],
        allow: ({ arguments: { amount }, auth }) =>
          typeof amount === 'number' && amount <= 100 && auth?.subject === 'alice',
      },
    });

    it('need the permissions of that very call, and the challenge names them', async () => {
      const body = call('read', { project: 'apollo' });
      expect(await scopesOf({ tools: dependent }, body, { scopes: ['file:read', 'project:gemini:read'] })).to.equal(
        'file:read project:apollo:read',
      );
      await admit({ tools: dependent }, body, { scopes: ['file:read', 'project:apollo:read'] });
      const roles = { clerk: ['file:read', 'project:*'] };
      await admit({ tools: dependent, roles }, body, { roles: ['clerk'] });
    });

    it('deny what would become no permission', async () => {
      const projects = ['*', '', ':', 'a b', 'a"b', 'a\\b', 'a\nb', '\u0430', 'a,b', ['a', 'b'], {}, 'x'.repeat(257)];
      for (const project of projects) {
        const denied = await denial({ tools: dependent }, call('read', { project }), {
          scopes: ['file:read', 'project:*'],
        });
        expect(denied, JSON.stringify(project)).to.include({ code: 'argument_denied', policy: true });
        expect(denied.headers).to.deep.equal({});
      }
    });

    it('deny when the permissions are too many to name', async () => {
      const many = defineTools({
        read: {
          permissions: [],
          permissionsFor: ({ arguments: { ids } }) => (ids as number[]).map((id) => `id:${id}`),
        },
      });
      const ids = Array.from({ length: 101 }, (_, id) => id);
      expect(await codeOf({ tools: many }, call('read', { ids }))).to.equal('argument_denied');
      expect(await codeOf({ tools: many }, call('read', { ids: ids.slice(1) }))).to.equal('scope_insufficient');
    });

    it('give a challenge without scopes when they do not fit into a header', async () => {
      const long = defineTools({
        read: {
          permissions: [],
          permissionsFor: () => Array.from({ length: 100 }, (_, i) => `p${'x'.repeat(100)}:${i}`),
        },
      });
      const denied = await denial({ tools: long }, call('read'));
      expect(denied.headers['WWW-Authenticate']).to.equal(
        `Bearer error="insufficient_scope", resource_metadata="${METADATA}"`,
      );
    });

    it('give a challenge with scopes that fit to the last character', async () => {
      // Each of the 16 with a space behind it, they leave 16 of 4096 characters.
      const most = Array.from({ length: 16 }, (_, i) => `p:${i.toString(16)}`.padEnd(254, 'x'));
      const long = defineTools({
        read: { permissions: [], permissionsFor: ({ arguments: { last } }) => [...most, String(last)] },
      });
      const last = 'y'.repeat(16);
      expect(await scopesOf({ tools: long }, call('read', { last }))).to.have.lengthOf(4096);
      expect(await scopesOf({ tools: long }, call('read', { last: `${last}y` }))).to.equal(undefined);
    });

    it('allow only by exactly true, and only after all permissions', async () => {
      const scopes = ['bank:transfer'];
      await admit({ tools: dependent }, call('transfer', { amount: 100 }), { scopes });
      for (const args of [{ amount: 101 }, { amount: '1' }, {}, undefined]) {
        const denied = await denial({ tools: dependent }, call('transfer', args), { scopes });
        expect(denied, JSON.stringify(args)).to.include({ status: 403, code: 'argument_denied', policy: true });
        expect(denied.headers).to.deep.equal({});
      }
      expect(await scopesOf({ tools: dependent }, call('transfer', { amount: 101 }))).to.equal('bank:transfer');
      const other = { scopes, auth: { subject: 'bob' } };
      expect(await codeOf({ tools: dependent }, call('transfer', { amount: 1 }), other)).to.equal('argument_denied');
    });

    it('see each call of a batch', async () => {
      const body = [call('transfer', { amount: 1 }), call('transfer', { amount: 1000 })];
      expect(await codeOf({ tools: dependent }, body, { scopes: ['bank:transfer'] })).to.equal('argument_denied');
    });

    it('deny arguments that are no object', async () => {
      for (const args of [null, [], [1], 'amount', 5, true]) {
        expect(await codeOf({ tools: dependent }, call('read', args)), JSON.stringify(args)).to.equal(
          'argument_denied',
        );
        expect(
          await codeOf({ tools: dependent }, call('transfer', args), { scopes: ['bank:transfer'] }),
          JSON.stringify(args),
        ).to.equal('argument_denied');
      }
    });

    it('may wait, and may be unavailable', async () => {
      const waiting = (verdict: () => Promise<boolean>): AuthorizeScopesOptions => ({
        tools: defineTools({ x: { permissions: [], allow: verdict } }),
      });
      await admit(
        waiting(() => Promise.resolve(true)),
        call('x'),
      );
      expect(
        await codeOf(
          waiting(() => Promise.resolve(false)),
          call('x'),
        ),
      ).to.equal('argument_denied');
      const outage = new Unavailable('The tenant database is down');
      expect(
        await failure(
          waiting(() => Promise.reject(outage)),
          call('x'),
        ),
      ).to.equal(outage);
    });

    it('take nothing but a boolean for a verdict', async () => {
      for (const verdict of [undefined, null, 1, 'true', 'false', [false, 'no'], { ok: false }, {}]) {
        const allow = (): boolean => verdict as unknown as boolean;
        const error = await failure({ tools: defineTools({ x: { permissions: [], allow } }) }, call('x'));
        expect(error, JSON.stringify(verdict)).to.be.instanceOf(TypeError).and.not.instanceOf(Denial);
      }
    });

    it('take nothing but an array for a list of permissions', async () => {
      for (const list of [undefined, 'a', { 0: 'a' }, new Set(['a'])]) {
        const permissionsFor = (): string[] => list as unknown as string[];
        const error = await failure({ tools: defineTools({ x: { permissions: [], permissionsFor } }) }, call('x'));
        expect(error, JSON.stringify(list)).to.be.instanceOf(TypeError);
      }
    });

    it('fail as they failed', async () => {
      const bug = new RangeError('bug');
      const allow = (): boolean => {
        throw bug;
      };
      expect(await failure({ tools: defineTools({ x: { permissions: [], allow } }) }, call('x'))).to.equal(bug);
    });
  });

  describe('roles', () => {
    it('of a policy: one of them is needed, and no scope helps', async () => {
      await admit({ tools }, call('reset'), { roles: ['operator'] });
      for (const roles of [[], ['user'], ['Admin'], ['admin '], ['__proto__']]) {
        const denied = await denial({ tools }, call('reset'), { roles, scopes: ['admin', 'operator'] });
        expect(denied, String(roles)).to.include({ status: 403, code: 'role_insufficient', policy: true });
        expect(denied.headers).to.deep.equal({});
        expect(denied.detail).to.deep.equal({ kind: 'tool', roles: ['admin', 'operator'] });
      }
    });

    it('grant permissions, in addition to scopes', async () => {
      const options = { tools, roles: { analyst: ['file:read'] } };
      await admit(options, call('read_file'), { roles: ['analyst'] });
      await admit(options, call('copy_file'), { roles: ['analyst'], scopes: ['file:write'] });
      expect(await scopesOf(options, call('copy_file'), { roles: ['analyst'] })).to.equal('file:read file:write');
    });

    it('are no scopes, and scopes are no roles', async () => {
      const options = { tools, roles: { analyst: ['file:read'] } };
      expect(await codeOf(options, call('read_file'), { scopes: ['analyst'] })).to.equal('scope_insufficient');
      expect(await codeOf(options, call('read_file'), { roles: ['file:read'] })).to.equal('scope_insufficient');
    });

    it('are what is missing when only a role grants a permission', async () => {
      const options = { tools, scopes: { 'files.read': ['file:read'] }, roles: { editor: ['file:write'] } };
      const denied = await denial(options, call('copy_file'), { scopes: ['files.read'] });
      expect(denied).to.include({ code: 'role_insufficient', policy: true });
      expect(denied.message).to.equal('The caller has no role that may do this');
      expect(denied.headers).to.deep.equal({});
      expect(denied.detail).to.deep.include({ missing: ['file:write'] });
    });

    it('leave only the scopes to the challenge when a role is held', async () => {
      const options = { tools, scopes: { 'files.read': ['file:read'] }, roles: { editor: ['file:write'] } };
      expect(await scopesOf(options, call('copy_file'), { roles: ['editor'] })).to.equal('files.read');
    });
  });

  describe('scopes', () => {
    const scopes = { 'files.read': ['file:read'], 'files.write': ['file:write'], 'files.all': ['file:*'] };
    const implies = { 'files.write': ['files.read'] };

    it('grant what they are mapped to, and nothing else', async () => {
      await admit({ tools, scopes }, call('copy_file'), { scopes: ['files.read', 'files.write'] });
      await admit({ tools, scopes }, call('copy_file'), { scopes: ['files.all'] });
      const held = { scopes: ['file:read', 'file:write', 'file:*', '*', 'FILES.ALL', '__proto__'] };
      expect(await scopesOf({ tools, scopes }, call('copy_file'), held)).to.equal('files.read files.write');
    });

    it('include the narrower ones that they imply', async () => {
      await admit({ tools, scopes, implies }, call('copy_file'), { scopes: ['files.write'] });
      expect(await scopesOf({ tools, scopes, implies }, call('copy_file'))).to.equal('files.write');
      expect(await scopesOf({ tools, scopes, implies }, call('copy_file'), { scopes: ['files.read'] })).to.equal(
        'files.write',
      );
      expect(await scopesOf({ tools, scopes }, call('copy_file'), { scopes: ['files.write'] })).to.equal(
        'files.read files.write',
      );
    });

    it('give no challenge for a permission that nothing grants', async () => {
      const denied = await denial({ tools, scopes: { other: ['x'] } }, call('read_file'), { scopes: ['other'] });
      expect(denied).to.include({ status: 403, code: 'permission_insufficient', policy: true });
      expect(denied.message).to.equal('The caller is not granted what this needs');
      expect(denied.headers).to.deep.equal({});
    });

    it('are wildcards in a token only when told so', async () => {
      const held = { scopes: ['file:*'] };
      expect(await scopesOf({ tools }, call('copy_file'), held)).to.equal('file:read file:write');
      await admit({ tools, scopeWildcards: true }, call('copy_file'), held);
      expect(await codeOf({ tools, scopeWildcards: true }, call('copy_file'), { scopes: ['*'] })).to.equal(
        'scope_insufficient',
      );
    });

    it('are everything only when the developer says so', async () => {
      const options = { tools, roles: { admin: ['*'] }, fullAccess: true };
      await admit(options, call('copy_file'), { roles: ['admin'] });
      expect(await codeOf(options, call('gone'), { roles: ['admin'] })).to.equal('tool_undefined');
    });
  });

  describe('callers', () => {
    const clients = { batch: ['file:read'], agent: ['file:*'] };

    it('without a token have the permissions of their client, and a challenge would not help them', async () => {
      const batch = { auth: { token: '', clientId: 'batch' } };
      await admit({ tools, clients }, call('read_file'), batch);
      const denied = await denial({ tools, clients }, call('copy_file'), batch);
      expect(denied).to.include({ code: 'permission_insufficient', policy: true });
      expect(denied.headers).to.deep.equal({});
    });

    it('without a token have nothing else: no scopes, no roles, no permissions of another client', async () => {
      const roles = { admin: ['file:*'] };
      for (const clientId of ['other', 'Batch', '', '__proto__', 'constructor']) {
        const given = { scopes: ['file:read'], roles: ['admin'], auth: { token: '', clientId } };
        expect(await codeOf({ tools, clients, roles }, call('read_file'), given), clientId).to.equal(
          'permission_insufficient',
        );
      }
      const admin = { roles: ['admin'], auth: { token: '', clientId: 'batch' } };
      expect(await codeOf({ tools, clients, roles }, call('reset'), admin)).to.equal('role_insufficient');
    });

    it('with a token do not have those of the client that carries it', async () => {
      expect(await codeOf({ tools, clients }, call('read_file'))).to.equal('scope_insufficient');
    });

    it('who are known by a signature alone have the permissions of the client that signed', async () => {
      const run = (clientId: string) =>
        authorizeScopes({ tools, clients }).run(
          fakeContext({ body: call('read_file'), state: { signature: { ...SIGNATURE, clientId } } }),
        );
      expect((await run('batch')).access.granted).to.deep.equal(['file:read']);
      for (const clientId of ['other', SIGNATURE.owner, SIGNATURE.keyId, '__proto__']) {
        const denied: unknown = await Promise.resolve(run(clientId)).catch((error: unknown) => error);
        expect(denied, clientId).to.be.instanceOf(Denial).and.include({ status: 403, code: 'permission_insufficient' });
      }
    });

    it('who sent a token and signed have what the token grants, and not more', async () => {
      const state = { auth: authOf(), signature: { ...SIGNATURE, clientId: 'agent' } };
      const ctx = fakeContext<'auth' | 'signature'>({ body: call('read_file'), state });
      const denied: unknown = await Promise.resolve(authorizeScopes({ tools, clients }).run(ctx)).catch(
        (error: unknown) => error,
      );
      expect(denied).to.be.instanceOf(Denial).and.include({ code: 'scope_insufficient' });
    });

    it('may not call a tool unsigned that asks for a signature, even where nothing checks signatures', async () => {
      const signed = defineTools({ pay: { permissions: [], requireSignature: true }, look: { permissions: [] } });
      expect(await codeOf({ tools: signed }, call('pay'))).to.equal('signature_required');
      expect(await codeOf({ tools: signed }, [call('look'), call('pay')])).to.equal('signature_required');
      await admit({ tools: signed }, call('look'));
      const state = { auth: authOf(), signature: SIGNATURE };
      await authorizeScopes({ tools: signed }).run(fakeContext<'auth'>({ body: call('pay'), state }));
    });

    it('that nothing proved are denied before the body is looked at', async () => {
      const ctx = fakeContext({ body: 'not JSON' });
      const run = (options: AuthorizeScopesOptions): Promise<unknown> =>
        Promise.resolve(authorizeScopes(options).run(ctx)).catch((error: unknown) => error);
      const denied = await run({ tools, resource: 'https://mcp.example/mcp' });
      expect(denied).to.be.instanceOf(Denial).and.include({ status: 401, code: 'caller_unproven' });
      expect((denied as Denial).headers).to.deep.equal({
        'WWW-Authenticate': `Bearer resource_metadata="${METADATA}"`,
      });
      expect(((await run({ tools })) as Denial).headers).to.deep.equal({ 'WWW-Authenticate': 'Bearer' });
    });

    it('have the rights worked out once for as long as their proof is the same', async () => {
      const guard = authorizeScopes({ tools });
      const run = async (auth: Auth) =>
        (await guard.run(fakeContext<'auth'>({ body: call('open'), state: { auth } }))).access.may;
      const reader = authOf({ scopes: ['file:read'] });
      const may = await run(reader);
      expect(await run(reader)).to.equal(may);
      expect(await run({ ...reader })).to.not.equal(may);
    });

    it('signed in as long ago as the clock of the system says, where no other is given', async () => {
      const recent = defineTools({ recent: { permissions: [], maxAge: 600 } });
      const signedIn = (ago: number): Given => ({
        auth: { claims: { auth_time: Math.floor(Date.now() / 1000) - ago } },
      });
      await admit({ tools: recent }, call('recent'), signedIn(300));
      expect(await codeOf({ tools: recent }, call('recent'), signedIn(900))).to.equal('authentication_insufficient');
    });

    it('share nothing: the rights of one are never those of another', async () => {
      const guard = authorizeScopes({ tools });
      const run = (auth: Auth) => guard.run(fakeContext<'auth'>({ body: call('read_file'), state: { auth } }));
      const reader = authOf({ scopes: ['file:read'] });
      const stranger = authOf();
      const verdicts = await Promise.allSettled(
        Array.from({ length: 50 }, (_, i) => Promise.resolve(run(i % 2 === 0 ? reader : stranger))),
      );
      for (const [i, { status }] of verdicts.entries()) expect(status).to.equal(i % 2 === 0 ? 'fulfilled' : 'rejected');
    });
  });

  describe('challenges', () => {
    it('name the metadata of the configured resource, else of the token', async () => {
      const given = { auth: { resource: 'https://other.example' } };
      const challengeOf = async (options: AuthorizeScopesOptions) =>
        (await denial(options, call('read_file'), given)).headers['WWW-Authenticate'];
      expect(await challengeOf({ tools })).to.include('https://other.example/.well-known/oauth-protected-resource"');
      expect(await challengeOf({ tools, resource: 'https://mcp.example/mcp' })).to.include(`"${METADATA}"`);
    });

    it('say that a scope is missing', async () => {
      const { message } = await denial({ tools }, call('read_file'));
      expect(message).to.equal('The access token has not all scopes that this needs');
    });

    it('ask for what a policy says about the sign-in, and nothing else', async () => {
      const signedIn = defineTools({ sign: { permissions: [], acr: ['urn:example:mfa'] } });
      const { headers } = await denial({ tools: signedIn, resource: 'https://x.example/mcp' }, call('sign'));
      expect(headers['WWW-Authenticate']).to.equal(
        'Bearer error="insufficient_user_authentication", error_description="This needs another sign-in of the user", ' +
          'acr_values="urn:example:mfa", resource_metadata="https://x.example/.well-known/oauth-protected-resource/mcp"',
      );
    });

    it('name no metadata when the resource is no URL', async () => {
      const given = { auth: { resource: 'urn:orders' } };
      expect((await denial({ tools }, call('read_file'), given)).headers).to.deep.equal({
        'WWW-Authenticate': 'Bearer error="insufficient_scope", scope="file:read"',
      });
    });
  });

  describe('decide', () => {
    it('is asked last, about everything that is used', async () => {
      const seen: unknown[] = [];
      const decide = (request: unknown): boolean => seen.push(request) > 0;
      const options = { tools, decide, resources: { 'test://a/{id}': [] } };
      const answer = { jsonrpc: '2.0', id: 9, result: {} };
      const uri = 'TEST://a/1';
      await admit(
        options,
        [call('read_file', { path: '/x' }), rpc('ping', { a: 1 }), answer, rpc('resources/read', { uri })],
        {
          scopes: ['file:read'],
        },
      );
      const common = {
        id: 'fake',
        httpMethod: 'POST',
        auth: authOf({ scopes: ['file:read'] }),
        clientId: 'agent',
        required: ['file:read'],
        granted: ['file:read'],
      };
      expect(seen).to.deep.equal([
        { ...common, method: 'tools/call', target: { kind: 'tool', name: 'read_file' }, arguments: { path: '/x' } },
        { ...common, method: 'ping', target: { kind: 'method', name: 'ping' }, arguments: { a: 1 } },
        { ...common, method: undefined, target: undefined, arguments: {} },
        {
          ...common,
          method: 'resources/read',
          target: { kind: 'resource', name: 'test://a/1' },
          arguments: { id: '1' },
        },
      ]);
    });

    it('is asked about requests without messages', async () => {
      const decide = ({ httpMethod, target }: { httpMethod: string; target: unknown }): boolean =>
        httpMethod !== 'DELETE' && target === undefined;
      await admit({ tools, decide }, undefined, { method: 'GET' });
      expect(await codeOf({ tools, decide }, undefined, { method: 'DELETE' })).to.equal('policy_denied');
    });

    it('can deny, with a code of its own', async () => {
      const denied = await denial({ tools, decide: () => false }, call('open'));
      expect(denied).to.include({ status: 403, code: 'policy_denied', policy: true });
      expect(denied.headers).to.deep.equal({});
      const decide = (): { allow: boolean; code: 'origin_denied' } => ({ allow: false, code: 'origin_denied' });
      expect(await codeOf({ tools, decide }, call('open'))).to.equal('origin_denied');
      await admit({ tools, decide: () => Promise.resolve({ allow: true }) }, call('open'));
    });

    it('cannot allow more', async () => {
      let asked = 0;
      const decide = (): boolean => (asked += 1) > 0;
      expect(await codeOf({ tools, decide }, call('read_file'))).to.equal('scope_insufficient');
      expect(await codeOf({ tools, decide }, call('gone'))).to.equal('tool_undefined');
      expect(asked).to.equal(0);
    });

    it('denies the whole batch when one message is denied', async () => {
      const decide = ({ target }: { target: { name: string } | undefined }): boolean => target?.name !== 'read_file';
      const body = [call('open'), call('read_file')];
      expect(await codeOf({ tools, decide }, body, { scopes: ['file:read'] })).to.equal('policy_denied');
    });

    it('may be unavailable, or fail as it failed', async () => {
      for (const error of [new Unavailable('The policy engine is down'), new RangeError('bug')]) {
        expect(await failure({ tools, decide: () => Promise.reject(error) }, call('open'))).to.equal(error);
      }
    });

    it('gives a boolean, and a code that is one, or the request fails', async () => {
      const verdicts = [undefined, null, 1, 'allow', [false], [true], {}, { allow: 'yes' }, { allowed: true }];
      for (const verdict of [...verdicts, { allow: false, code: 'Not A Code' }, { allow: false, code: 5 }]) {
        const error = await failure({ tools, decide: () => verdict as unknown as boolean }, call('open'));
        expect(error, JSON.stringify(verdict)).to.be.instanceOf(TypeError).and.not.instanceOf(Denial);
      }
    });
  });

  describe('access', () => {
    const options: AuthorizeScopesOptions = {
      tools: defineTools({
        read_file: { permissions: ['file:read'] },
        reset: { permissions: [], roles: ['admin'] },
        pay: { permissions: ['pay'], allow: () => true },
        project: { permissions: [], permissionsFor: () => ['x'] },
      }),
      prompts: { greet: [] },
      resources: { 'file:///docs/*': ['docs:read'], 'test://{id}/a': [] },
      methods: { 'tasks/get': ['task:read'] },
      base: ['mcp'],
    };
    const accessOf = (given: Given): Promise<Access> =>
      admit(options, rpc('ping'), { ...given, scopes: ['mcp', ...(given.scopes ?? [])] });

    it('tells of tools whether they may be used', async () => {
      const { may } = await accessOf({ scopes: ['file:read', 'pay'] });
      expect(may('tool', 'read_file')).to.equal('yes');
      expect(may('tool', 'reset')).to.equal('no');
      expect(may('tool', 'pay')).to.equal('depends');
      expect(may('tool', 'project')).to.equal('depends');
      for (const name of ['gone', 'Read_File', '', '__proto__', 'constructor'])
        expect(may('tool', name), name).to.equal('no');
    });

    it('tells that what lacks a permission may not be used, whatever its rules would say', async () => {
      const { may } = await accessOf({});
      expect(may('tool', 'read_file')).to.equal('no');
      expect(may('tool', 'pay')).to.equal('no');
      expect((await accessOf({ roles: ['admin'] })).may('tool', 'reset')).to.equal('yes');
    });

    it('tells of prompts, resources and methods', async () => {
      const { may } = await accessOf({ scopes: ['docs:read'] });
      expect(may('prompt', 'greet')).to.equal('yes');
      expect(may('prompt', 'other')).to.equal('no');
      expect(may('resource', 'file:///docs/a')).to.equal('yes');
      expect(may('resource', 'file:///docs/*')).to.equal('yes');
      expect(may('resource', 'test://{id}/a')).to.equal('yes');
      expect(may('resource', 'file:///etc/passwd')).to.equal('no');
      expect(may('method', 'tools/list')).to.equal('yes');
      expect(may('method', 'tasks/get')).to.equal('no');
      expect(may('method', 'tasks/list')).to.equal('no');
      for (const method of ['tools/call', 'prompts/get', 'resources/read', 'completion/complete']) {
        expect(may('method', method), method).to.equal('depends');
      }
    });

    it('depends on the policy engine where there is one', async () => {
      const { may } = await admit({ tools, decide: () => true }, call('open'));
      expect(may('tool', 'open')).to.equal('depends');
      expect(may('tool', 'read_file')).to.equal('no');
    });

    it('agrees with what is then decided', async () => {
      for (const scopes of [['mcp'], ['mcp', 'file:read'], ['mcp', 'pay', 'file:read']]) {
        const { may } = await admit(options, rpc('ping'), { scopes });
        for (const name of ['read_file', 'reset', 'pay', 'gone']) {
          const allowed = await admit(options, call(name), { scopes }).then(
            () => true,
            () => false,
          );
          expect(may('tool', name) !== 'no', `${name} ${scopes.join()}`).to.equal(allowed);
        }
      }
    });
  });

  describe('whatever a client sends', () => {
    const options: AuthorizeScopesOptions = {
      tools: defineTools({ open: { permissions: [] }, closed: { permissions: ['closed'] } }),
      prompts: { free: [] },
      resources: { 'test://a/*': [] },
    };
    const name = fc.oneof(
      fc.constantFrom('open', 'closed', 'free', 'test://a/b', 'test://a/../b', '__proto__', 'constructor', ''),
      fc.string({ unit: 'binary' }),
      fc.jsonValue(),
    );
    const params = fc.oneof(
      fc.record({ name, uri: name, arguments: fc.jsonValue() }, { requiredKeys: [] }),
      fc.record({
        ref: fc.oneof(fc.record({ type: fc.constantFrom('ref/prompt', 'ref/resource'), name, uri: name }), name),
      }),
      fc.record({ notifications: fc.record({ resourceSubscriptions: fc.oneof(fc.array(name), name) }) }),
      fc.dictionary(fc.string(), fc.jsonValue()),
    );
    const method = fc.constantFrom(
      ...['tools/call', 'prompts/get', 'resources/read', 'resources/subscribe', 'resources/directory/read'],
      ...['completion/complete', 'subscriptions/listen', 'ping', 'tasks/get', '__proto__'],
    );
    const message = fc.tuple(method, params).map(([one, given]) => rpc(one, given));

    it('is allowed, or denied by a code that stands for 403', async () => {
      await fc.assert(
        fc.asyncProperty(fc.oneof(message, fc.array(message, { minLength: 1, maxLength: 4 })), async (body) => {
          const error = await failure(options, body);
          if (error !== undefined) expect(error).to.be.instanceOf(Denial).with.property('status', 403);
        }),
        { numRuns: 1000 },
      );
    });

    it('is denied in a batch exactly when a part of it is denied alone', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 4 }), async (batch) => {
          const alone = await Promise.all(batch.map((one) => failure(options, one)));
          expect((await failure(options, batch)) === undefined).to.equal(alone.every((error) => error === undefined));
        }),
        { numRuns: 500 },
      );
    });

    it('reaches no tool but those that are open to it', async () => {
      await fc.assert(
        fc.asyncProperty(name, async (one) => {
          expect((await failure(options, call(one))) === undefined).to.equal(one === 'open');
        }),
        { numRuns: 1000 },
      );
    });
  });

  it('does not start with a slip of the pen', () => {
    const table: readonly (readonly [unknown, RegExp])[] = [
      [undefined, /pass one object/],
      [{}, /'tools' must be what defineTools/],
      [{ tools: {} }, /'tools' must be what defineTools/],
      [{ tools: new Map() }, /'tools' must be what defineTools/],
      [{ tools: { read_file: { permissions: [] } } }, /'tools' must be what defineTools/],
      [{ tools, scope: {} }, /unknown option 'scope'; did you mean 'scopes'\?/],
      [{ tools, role: {} }, /unknown option 'role'; did you mean 'roles'\?/],
      [{ tools, scopes: ['file:read'] }, /'scopes' must be an object/],
      [{ tools, scopes: { a: 'file:read' } }, /'scopes' .a must be an array/],
      [{ tools, roles: { admin: ['file:'] } }, /'roles' .admin \[0\] must be a permission/],
      [{ tools, roles: { admin: ['*'] } }, /'roles' .admin grants '\*'/],
      [{ tools, clients: { x: [1] } }, /'clients' .x \[0\] must be a permission/],
      [{ tools, implies: { a: ['b c'] } }, /'implies' .a \[0\] must be an OAuth scope/],
      [{ tools, base: 'mcp' }, /'base' must be an array/],
      [{ tools, base: ['mcp:*'] }, /'base' \[0\] .*wildcards are for grants/],
      [{ tools, prompts: { greet: 'a' } }, /'prompts': 'greet' must be a plain object/],
      [{ tools, prompts: { greet: {} } }, /'permissions' must be an array/],
      [{ tools, prompts: { greet: { permissions: [], version: '1.0.0' } } }, /unknown option 'version'/],
      [{ tools, prompts: { '': [] } }, /has a policy without a name/],
      [{ tools, prompts: { __proto__: [] } }, /'prompts' must be a plain object/],
      [{ tools, resources: { 'docs/*': [] } }, /'docs\/\*' is not an absolute URI/],
      [
        { tools, methods: { 'tools/call': [] } },
        /cannot decide over 'tools\/call'.*use 'tools', 'prompts' or 'resources'/,
      ],
      [{ tools, methods: { 'completion/complete': [] } }, /cannot decide over 'completion\/complete'/],
      [{ tools, decide: true }, /'decide' must be a function/],
      [{ tools, resource: 'http://mcp.example' }, /'resource' must be an https URL/],
      [{ tools, scopes: {}, scopeWildcards: true }, /'scopeWildcards' has no effect/],
    ];
    for (const [options, text] of table) {
      expect(() => authorizeScopes(options as { tools: Tools }), JSON.stringify(options))
        .to.throw(TypeError, text)
        .with.property('message')
        .that.matches(/^authorizeScopes\b/);
    }
  });
});
