import { expect } from 'chai';
import { actorsOf } from '../../../lib/tokens/actors.js';
import { fakeContext, fakeIssuer } from '../../../lib/testing.js';
import { oidc } from '../../../lib/providers/index.js';
import { authenticate } from '../../../middleware/authenticate.js';

const RESOURCE = 'https://mcp.example/mcp';

describe('actors of a token', () => {
  it('are the current one and those before it (RFC 8693 section 4.1, figure 6)', () => {
    const act = {
      sub: 'https://service16.example.com',
      act: { sub: 'https://service77.example.com' },
    };
    expect(actorsOf({ sub: 'user@example.com', act })).to.deep.equal([
      { subject: 'https://service16.example.com' },
      { subject: 'https://service77.example.com' },
    ]);
  });

  const FORMS: readonly (readonly [name: string, act: unknown, actors: readonly object[]])[] = [
    ['nobody', undefined, []],
    ['a text', 'admin', []],
    ['a list', [{ sub: 'a' }], []],
    ['null', null, []],
    ['no name', { email: 'a@example.com' }, []],
    ['a name that is no text', { sub: 7 }, []],
    [
      'a name, its issuer and a client',
      { sub: 'a', iss: 'https://i.example', client_id: 'c', exp: 1 },
      [{ subject: 'a', issuer: 'https://i.example', clientId: 'c' }],
    ],
    ['a client alone', { client_id: 'c' }, [{ clientId: 'c' }]],
    ['a nameless actor between others', { sub: 'a', act: { act: { sub: 'b' } } }, [{ subject: 'a' }]],
    ['members of a prototype', JSON.parse('{"sub":"a","__proto__":{"sub":"b"}}'), [{ subject: 'a' }]],
  ];
  for (const [name, act, actors] of FORMS) {
    it(`are read from ${name}`, () => {
      expect(actorsOf({ sub: 'user', act })).to.deep.equal(actors);
    });
  }

  it('are no more than 16', () => {
    let act: object = { sub: 'first' };
    for (let index = 0; index < 40; index += 1) act = { sub: `s${index}`, act };
    expect(actorsOf({ act })).to.have.lengthOf(16);
  });

  it('decide nothing: the same token is admitted with any of them', async () => {
    const issuer = fakeIssuer();
    const middleware = authenticate({
      issuers: [oidc({ issuer: issuer.issuer })],
      resource: RESOURCE,
      fetch: issuer.fetch,
    });
    for (const act of [undefined, 'admin', {}, { sub: 'alice', act: { sub: 'root' } }]) {
      const token = await issuer.token({ aud: RESOURCE, sub: 'alice', client_id: 'app', scope: 'file:read', act });
      const { auth } = await middleware.run(fakeContext({ headers: { authorization: `Bearer ${token}` } }));
      expect(auth).to.include({ subject: 'alice', clientId: 'app' });
      expect('actors' in auth).to.equal(typeof act === 'object' && 'sub' in act);
    }
  });
});
