import { expect } from 'chai';
import { Unavailable } from '../../lib/denial.js';
import { answer, assertEndpoints, type Endpoint, type EndpointRequest } from '../../lib/endpoint.js';
import { withoutStandardError } from '../adapters/standardError.js';

const PATH = '/.well-known/oauth-protected-resource/mcp';
const ok = { status: 200, headers: {}, body: '{}' };
const endpoint = (handle: Endpoint['handle'] = () => ok, ...paths: readonly string[]): Endpoint => ({
  paths: paths.length === 0 ? [PATH] : paths,
  handle,
});

describe('answer', () => {
  it('answers the exact paths of an endpoint, in every form of a target', async () => {
    const seen: EndpointRequest[] = [];
    const endpoints = [endpoint((request) => (seen.push(request), ok)), endpoint(() => ok, '/jwks')];
    for (const target of [PATH, `${PATH}?a=1`, `${PATH}?`, `http://evil.example${PATH}`, `HTTPS://u@h:1${PATH}?a`]) {
      expect(await answer(endpoints, 'GET', target, []), target).to.equal(ok);
    }
    expect(seen.every(({ path, method }) => path === PATH && method === 'GET')).to.equal(true);
    expect(seen).to.have.length(5);
  });

  it('leaves every other target to others', async () => {
    const others = [
      '',
      '/',
      '*',
      `${PATH}/`,
      `${PATH}x`,
      `/x${PATH}`,
      `/${PATH}`,
      PATH.toUpperCase(),
      '/?http://h/mcp',
      `ftp://h${PATH}`,
      '/.well-known/oauth-protected-resource',
    ];
    for (const target of others) expect(await answer([endpoint()], 'GET', target, []), target).to.equal(undefined);
  });

  it('hands on method and headers as they were received', async () => {
    let seen: EndpointRequest | undefined;
    await answer([endpoint((request) => ((seen = request), ok))], 'OPTIONS', PATH, ['Origin', 'a', '__proto__', 'b']);
    expect(seen?.method).to.equal('OPTIONS');
    expect(Object.entries(seen?.headers ?? {})).to.deep.equal([
      ['origin', ['a']],
      ['__proto__', ['b']],
    ]);
  });

  it('answers a constant 500 when an endpoint fails, and reports it', async () => {
    const lines = await withoutStandardError(async () => {
      for (const fail of [
        (): never => {
          throw new Error('secret');
        },
        () => Promise.reject(new Error('secret')),
      ]) {
        const reply = await answer([endpoint(fail)], 'GET', PATH, []);
        expect(reply?.status).to.equal(500);
        expect(JSON.stringify(reply)).to.not.include('secret');
      }
    });
    expect(lines).to.have.length(2);
    expect(lines[0]).to.include('secret');
  });

  it('answers 503 when something it depends on is down', async () => {
    const down = endpoint(() => Promise.reject(new Unavailable('The key store is down', { retryAfter: 9 })));
    expect(await answer([down], 'GET', PATH, [])).to.deep.include({ status: 503 });
  });
});

describe('assertEndpoints', () => {
  const check = (...endpoints: readonly unknown[]): void => {
    assertEndpoints('serveExpress', endpoints as Endpoint[]);
  };

  it('takes endpoints with paths of their own', () => {
    expect(() => {
      check();
      check(endpoint(), endpoint(undefined, '/jwks'));
    }).to.not.throw();
  });

  it('names what is no endpoint, and paths that two own', () => {
    for (const wrong of [
      undefined,
      null,
      'x',
      {},
      { paths: [] },
      { handle: () => ok },
      () => endpoint(),
      [endpoint()],
    ]) {
      expect(() => {
        check(wrong);
      }).to.throw(TypeError, 'serveExpress: pass what a factory such as protectedResource({ ... }) returns');
    }
    expect(() => {
      check(endpoint(), endpoint(undefined, '/a', PATH));
    }).to.throw(TypeError, `two endpoints own the path '${PATH}'`);
  });
});
