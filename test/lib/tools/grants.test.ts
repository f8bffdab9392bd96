import { expect } from 'chai';
import fc from 'fast-check';
import { permissionSet } from '../../../lib/permissions.js';
import { readGrants, type GrantOptions } from '../../../lib/tools/grants.js';

const grants = (options: GrantOptions) => readGrants('test', options);
const ofScopes = (options: GrantOptions, ...scopes: string[]) => grants(options).scopes.grantsOf(scopes);
const scopesFor = (options: GrantOptions, ...permissions: string[]) =>
  grants(options).scopes.scopesFor(new Set(permissions));

describe('grants', () => {
  describe('without a mapping', () => {
    it('take a scope for the permission of the same name', () => {
      expect(ofScopes({}, 'file:read', 'mail')).to.deep.equal(['file:read', 'mail']);
    });

    it('take no scope for a wildcard', () => {
      expect(ofScopes({}, 'file:*', '*', 'a*', 'file:', 'x:y')).to.deep.equal(['x:y']);
    });

    it('take a scope for a wildcard only when told so, and * never', () => {
      expect(ofScopes({ scopeWildcards: true, fullAccess: true }, 'file:*', '*', 'a*')).to.deep.equal(['file:*']);
    });

    it('include what a scope implies', () => {
      const implies = { 'file:write': ['file:read'], admin: ['file:write'] };
      expect(ofScopes({ implies }, 'admin')).to.have.members(['admin', 'file:write', 'file:read']);
      expect(ofScopes({ implies }, 'file:write')).to.have.members(['file:write', 'file:read']);
      expect(ofScopes({ implies }, 'file:read')).to.deep.equal(['file:read']);
    });

    it('name the permissions themselves as scopes, without those that another implies', () => {
      expect(scopesFor({}, 'b', 'a')).to.deep.equal(['b', 'a']);
      const implies = { 'file:write': ['file:read'] };
      expect(scopesFor({ implies }, 'file:read', 'file:write', 'mail')).to.deep.equal(['file:write', 'mail']);
      expect(scopesFor({ implies }, 'file:read')).to.deep.equal(['file:read']);
    });
  });

  describe('with a mapping', () => {
    const scopes = { all: ['file:*', 'mail:*'], 'files.read': ['file:read'], 'files.write': ['file:write'] };

    it('give what is mapped, and nothing for a scope that is not', () => {
      expect(ofScopes({ scopes }, 'files.read', 'file:write', 'mail:send')).to.deep.equal(['file:read']);
      expect(ofScopes({ scopes }, '__proto__', 'constructor', 'FILES.READ', 'files.read ')).to.deep.equal([]);
    });

    it('give nothing for a permission that a token carries as a scope', () => {
      expect(ofScopes({ scopes: {} }, 'file:read', '*')).to.deep.equal([]);
    });

    it('name the narrowest scope that helps', () => {
      expect(scopesFor({ scopes }, 'file:read')).to.deep.equal(['files.read']);
      expect(scopesFor({ scopes }, 'file:delete')).to.deep.equal(['all']);
    });

    it('leave out a scope whose part a wider one does, when that one is needed anyway', () => {
      expect(scopesFor({ scopes }, 'file:read', 'mail:send')).to.deep.equal(['all']);
      expect(scopesFor({ scopes }, 'file:read', 'file:write')).to.deep.equal(['files.read', 'files.write']);
      const implies = { 'files.write': ['files.read'] };
      expect(scopesFor({ scopes, implies }, 'file:read', 'file:write')).to.deep.equal(['files.write']);
      expect(scopesFor({ scopes, implies }, 'file:read')).to.deep.equal(['files.read']);
    });

    it('name no scope for what no scope grants', () => {
      expect(scopesFor({ scopes }, 'db:drop')).to.deep.equal([]);
      expect(scopesFor({ scopes }, 'db:drop', 'file:read')).to.deep.equal(['files.read']);
    });

    it('let a scope exist that only implies others', () => {
      const implies = { operator: ['files.read', 'files.write'] };
      expect(ofScopes({ scopes, implies }, 'operator')).to.have.members(['file:read', 'file:write']);
    });

    it('find what could grant a permission: a scope first, else a role', () => {
      const { sourceOf } = grants({ scopes, roles: { dba: ['db:*'], clerk: ['file:read'] } });
      expect(sourceOf('file:read')).to.equal('scope');
      expect(sourceOf('db:drop')).to.equal('role');
      expect(sourceOf('db')).to.be.undefined;
    });
  });

  it('end when scopes imply each other in a circle', () => {
    const implies = { a: ['b'], b: ['c'], c: ['a'], self: ['self'] };
    for (const scope of ['a', 'b', 'c']) expect(ofScopes({ implies }, scope)).to.have.members(['a', 'b', 'c']);
    expect(ofScopes({ implies }, 'self')).to.deep.equal(['self']);
    const named = scopesFor({ implies }, 'a', 'b', 'c');
    expect(named).to.have.lengthOf(1);
    expect(ofScopes({ implies }, ...named)).to.have.members(['a', 'b', 'c']);
  });

  it('follow a long chain of scopes', () => {
    const implies = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`s${i}`, [`s${i + 1}`]]));
    expect(ofScopes({ implies: { ...implies, start: ['s200'] } }, 'start')).to.include('s300');
    expect(ofScopes({ implies }, 's299')).to.deep.equal(['s299', 's300']);
  });

  it('of roles and clients are those that the developer wrote, wildcards included', () => {
    const { ofRoles, ofClient } = grants({
      roles: { analyst: ['file:*'], admin: ['*'] },
      clients: { batch: ['mail:send'] },
      fullAccess: true,
    });
    expect(ofRoles(['analyst', 'Admin', '__proto__'])).to.deep.equal(['file:*']);
    expect(ofRoles(['admin', 'analyst'])).to.deep.equal(['*', 'file:*']);
    expect(ofClient('batch')).to.deep.equal(['mail:send']);
    for (const id of ['Batch', 'batch ', '', '__proto__', 'constructor']) expect(ofClient(id), id).to.deep.equal([]);
  });

  it('do not take a slip of the pen', () => {
    const table: readonly (readonly [GrantOptions, RegExp])[] = [
      [{ roles: { admin: ['a', '*'] } }, /'roles' .admin grants '\*'.*fullAccess: true/],
      [{ clients: { batch: ['*'] } }, /'clients' .batch grants '\*'/],
      [{ scopes: { all: ['*'] } }, /'scopes' .all grants '\*'/],
      [
        { scopes: { 'files.read': ['a'] }, implies: { x: ['files.raed'] } },
        /'files.raed'.*did you mean 'files.read'\?/,
      ],
      [{ scopes: {}, scopeWildcards: true }, /'scopeWildcards' has no effect beside 'scopes'/],
      [{ scopes: { 'a b': [] } }, /the scope 'a b' must be an OAuth scope/],
      [{ scopes: { 'a"b': [] } }, /must be an OAuth scope/],
      [{ implies: { '': ['a'] } }, /must be an OAuth scope/],
      [{ roles: Object.create({ admin: ['a'] }) as Record<string, string[]> }, /'roles' must be a plain object/],
    ];
    for (const [options, text] of table) {
      expect(() => grants(options), JSON.stringify(options)).to.throw(TypeError, text);
    }
  });

  const name = fc.constantFrom('p', 'p:q', 'p:r', 's', 's:t', 'u');
  const list = fc.array(fc.oneof(name, fc.constantFrom('p:*', 's:*')), { maxLength: 3 });
  const scope = fc.constantFrom('A', 'B', 'C', 'D', 'E');
  const mapping = fc.record({ A: list, B: list, C: list, D: list, E: list });
  const hierarchy = fc.dictionary(scope, fc.array(scope, { maxLength: 3 }));

  it('are enough once the caller has the scopes that were named', () => {
    fc.assert(
      fc.property(mapping, hierarchy, fc.uniqueArray(name), (scopes, implies, needed) => {
        const { scopes: table } = grants({ scopes, implies });
        const held = permissionSet(table.grantsOf(table.scopesFor(new Set(needed))));
        for (const one of needed) expect(held.has(one), one).to.equal(table.canGrant(one));
      }),
      { numRuns: 1000 },
    );
  });

  it('would not be enough without any one of the scopes that were named', () => {
    fc.assert(
      fc.property(mapping, hierarchy, fc.uniqueArray(name), (scopes, implies, needed) => {
        const { scopes: table } = grants({ scopes, implies });
        const named = table.scopesFor(new Set(needed));
        for (const left of named) {
          const held = permissionSet(table.grantsOf(named.filter((one) => one !== left)));
          expect(needed.filter(table.canGrant).every(held.has)).to.be.false;
        }
      }),
      { numRuns: 1000 },
    );
  });
});
