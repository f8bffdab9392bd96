import { expect } from 'chai';
import fc from 'fast-check';
import { defineTools, isTools } from '../../../lib/tools/defineTools.js';
import type { ToolPolicy } from '../../../lib/tools/policies.js';

const open: ToolPolicy = { permissions: [] };

/** For what the compiler would not let through. */
function define(definitions: unknown): () => unknown {
  return () => defineTools(definitions as Record<string, ToolPolicy>);
}

describe('defineTools', () => {
  it('keeps what is defined, in order', () => {
    const allow = (): boolean => true;
    const tools = defineTools({
      secure_file_read: { version: '1.2.0', permissions: ['file:read', 'audit:log'] },
      'admin.reset-all': { permissions: [], roles: ['admin'], allow },
    });
    expect(tools.names).to.deep.equal(['secure_file_read', 'admin.reset-all']);
    expect([...tools]).to.deep.equal([
      ['secure_file_read', { version: '1.2.0', permissions: ['file:read', 'audit:log'] }],
      ['admin.reset-all', { permissions: [], roles: ['admin'], allow }],
    ]);
    expect(tools.get('admin.reset-all')?.roles).to.deep.equal(['admin']);
  });

  it('finds no tool under another name, however near', () => {
    const tools = defineTools({ read_file: open });
    const names = ['Read_File', 'read_file ', ' read_file', 'read_file\u0000', 'read\u2010file', 're\u0430d_file', ''];
    for (const name of names) expect(tools.get(name), JSON.stringify(name)).to.be.undefined;
  });

  it('knows nothing of the members of objects', () => {
    const tools = defineTools({});
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'get', 'size', 'valueOf']) {
      expect(tools.get(name), name).to.be.undefined;
    }
  });

  it('lets a tool be named like a member of objects', () => {
    const tools = defineTools(JSON.parse('{ "__proto__": { "permissions": ["a"] } }') as Record<string, ToolPolicy>);
    expect(tools.get('__proto__')?.permissions).to.deep.equal(['a']);
    expect(tools.get('constructor')).to.be.undefined;
  });

  it('does not lose a tool whose name the literal turned into a prototype', () => {
    expect(define({ __proto__: { permissions: [] } })).to.throw(TypeError, 'must be a plain object');
  });

  it('is frozen, with all that is in it, and keeps no reference to what was passed', () => {
    const permissions = ['a'];
    const roles = ['r'];
    const policy = { permissions, roles };
    const definitions: Record<string, ToolPolicy> = { x: policy };
    const tools = defineTools(definitions);
    permissions.pop();
    roles.pop();
    definitions['y'] = open;
    delete definitions['x'];
    expect(tools.get('x')).to.deep.equal({ permissions: ['a'], roles: ['r'] });
    expect(tools.get('y')).to.be.undefined;
    for (const part of [tools, tools.names, tools.get('x'), tools.get('x')?.permissions, tools.get('x')?.roles]) {
      expect(part).to.be.frozen;
    }
  });

  it('names a permission once that is listed twice', () => {
    expect(defineTools({ x: { permissions: ['b', 'a', 'b'] } }).get('x')?.permissions).to.deep.equal(['b', 'a']);
  });

  it('takes the tool names of MCP', () => {
    for (const name of ['a', 'getUser', 'DATA_EXPORT_v2', 'admin.tools.list', 'a-b', 'x'.repeat(128), '1']) {
      expect(defineTools({ [name]: open }).names, name).to.deep.equal([name]);
    }
  });

  it('takes no other names', () => {
    for (const name of ['', ' ', 'a b', 'a,b', 'a/b', 'a:b', '*', '@root', 'a\n', 't\u00f6ol', 'x'.repeat(129)]) {
      expect(define({ [name]: open }), JSON.stringify(name)).to.throw(TypeError, 'is not a tool name');
    }
  });

  it('says what is wrong with a policy, and how to mend it', () => {
    const table: readonly (readonly [unknown, RegExp])[] = [
      [{}, /tool 'x': 'permissions' must be an array/],
      [{ permissions: undefined }, /'permissions' must be an array/],
      [{ permissions: 'file:read' }, /'permissions' must be an array/],
      [{ permissions: ['file:read', ''] }, /'permissions' \[1\] must be a permission such as 'file:read'/],
      [{ permissions: ['file read'] }, /must be a permission/],
      [{ permissions: ['file::read'] }, /must be a permission/],
      [{ permissions: ['file:*'] }, /wildcards are for grants/],
      [{ permissions: ['*'] }, /wildcards are for grants/],
      [{ permissions: [1] }, /must be a permission/],
      [{ permissions: [], roles: [] }, /'roles' must have at least 1 element/],
      [{ permissions: [], roles: 'admin' }, /'roles' must be an array/],
      [{ permissions: [], roles: [''] }, /'roles' \[0\] must be a non-empty string/],
      [{ permissions: [], version: '1' }, /'version' must be a version such as '1.2.0'/],
      [{ permissions: [], version: 'v1.2.0' }, /'version' must be a version/],
      [{ permissions: [], version: 1 }, /'version' must be a version/],
      [{ permissions: [], allow: true }, /'allow' must be a function/],
      [{ permissions: [], permissionsFor: ['a'] }, /'permissionsFor' must be a function/],
      [{ permission: [] }, /unknown option 'permission'; did you mean 'permissions'\?/],
      [{ permissions: [], permisionsFor: () => [] }, /did you mean 'permissionsFor'\?/],
      [{ permissions: [], requireSignature: 'yes' }, /'requireSignature' must be true or false/],
      [{ permissions: [], maxDepth: 3 }, /unknown option 'maxDepth'/],
      [['file:read'], /must be a plain object/],
      [undefined, /must be a plain object/],
      [null, /must be a plain object/],
      ['file:read', /must be a plain object/],
      [Object.create({ permissions: [] }), /must be a plain object/],
    ];
    for (const [policy, text] of table) {
      expect(define({ x: policy }), JSON.stringify(policy)).to.throw(TypeError, text);
    }
  });

  it('takes versions as semantic versioning writes them', () => {
    for (const version of ['0.0.1', '1.2.0', '1.0.0-rc.1', '1.0.0+build.5', '1.0.0-rc.1+5']) {
      expect(defineTools({ x: { version, permissions: [] } }).get('x')?.version).to.equal(version);
    }
  });

  it('takes one object with tools, and nothing else', () => {
    for (const [index, wrong] of [undefined, null, [], 'x', new Map(), defineTools].entries()) {
      expect(define(wrong), String(index)).to.throw(TypeError, 'defineTools: the definitions must be a plain object');
    }
  });

  it('can be told from what only looks like it', () => {
    expect(isTools(defineTools({}))).to.be.true;
    for (const other of [new Map(), Object.assign({}, defineTools({})), {}, undefined, null, 'tools'])
      expect(isTools(other)).to.be.false;
  });

  it('never finds a policy under a name that was not defined', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        fc.pre(name !== 'read_file');
        expect(defineTools({ read_file: open }).get(name)).to.be.undefined;
      }),
    );
  });
});
