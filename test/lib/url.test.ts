import { expect } from 'chai';
import fc from 'fast-check';
import { canonicalResource, insertWellKnown, isLoopback, metadataUrl, secureUrl } from '../../lib/url.js';

describe('lib/url', () => {
  describe('secureUrl', () => {
    it('allows https URLs, and http ones on loopback', () => {
      const urls = [
        'https://mcp.example/mcp',
        'https://10.0.0.1:8443/mcp',
        'http://localhost:3000/mcp',
        'http://127.0.0.1',
        'http://[::1]:3000/mcp',
        'http://mcp.localhost/mcp',
      ];
      for (const url of urls) expect(secureUrl(url), url).to.equal(undefined);
    });

    it('says what is wrong with anything else', () => {
      const cases: readonly (readonly [unknown, RegExp])[] = [
        ['http://mcp.example/mcp', /https/],
        ['http://127.evil.example/mcp', /https/],
        ['http://localhost.evil.example/mcp', /https/],
        ['http://10.0.0.1/mcp', /https/],
        ['ftp://mcp.example', /https/],
        ['javascript:alert(1)', /https/],
        ['/mcp', /absolute/],
        ['mcp.example', /absolute/],
        ['', /absolute/],
        [' https://mcp.example', /absolute/],
        ['https:\\\\mcp.example', /absolute/],
        ['https://mcp.example/\n', /absolute/],
        [undefined, /absolute/],
        [7, /absolute/],
        [{ href: 'https://mcp.example' }, /absolute/],
        ['https://user@mcp.example', /user information/],
        ['https://:secret@mcp.example', /user information/],
        ['https://mcp.example/mcp#part', /fragment/],
        ['https://mcp.example/mcp#', /fragment/],
      ];
      for (const [value, problem] of cases) expect(secureUrl(value), String(value)).to.match(problem);
    });
  });

  it('knows loopback by its exact names', () => {
    for (const name of ['localhost', 'a.localhost', '127.0.0.1', '127.9.8.7', '[::1]'])
      expect(isLoopback(name)).to.equal(true);
    for (const name of ['127.evil.example', 'localhost.example', 'notlocalhost', '128.0.0.1', '[::2]', '0.0.0.0', '']) {
      expect(isLoopback(name), name).to.equal(false);
    }
  });

  describe('canonicalResource', () => {
    it('lower-cases scheme and host, and drops the default port and one trailing slash', () => {
      const cases = [
        ['HTTPS://MCP.Example/mcp', 'https://mcp.example/mcp'],
        ['https://mcp.example:443/mcp', 'https://mcp.example/mcp'],
        ['http://localhost:80', 'http://localhost'],
        ['https://mcp.example/mcp/', 'https://mcp.example/mcp'],
        ['https://mcp.example/', 'https://mcp.example'],
        ['https://mcp.example', 'https://mcp.example'],
        ['https://mcp.example/a?tenant=1', 'https://mcp.example/a?tenant=1'],
      ] as const;
      for (const [given, canonical] of cases) expect(canonicalResource(given)).to.equal(canonical);
    });

    it('keeps apart what differs', () => {
      const home = canonicalResource('https://mcp.example/mcp');
      const others = [
        'http://mcp.example/mcp',
        'https://mcp.example/MCP',
        'https://mcp.example/mcp//',
        'https://mcp.example/mcp/x',
        'https://mcp.example/mcp?x',
        'https://mcp.example/mcp#x',
        'https://mcp.example:8443/mcp',
        'https://user@mcp.example/mcp',
        'https://mcp.example.evil.example/mcp',
        'https:\\\\mcp.example\\mcp',
        'https://mcp.example/m\tcp',
        ' https://mcp.example/mcp',
      ];
      for (const other of others) expect(canonicalResource(other), other).not.to.equal(home);
    });

    it('takes what is no web URL as it is', () => {
      for (const name of ['api://Orders', 'urn:example:API', '6e74172b-BE56', '', '__proto__', 'https://', 'http']) {
        expect(canonicalResource(name)).to.equal(name);
      }
    });

    it('never throws', () => {
      fc.assert(fc.property(fc.oneof(fc.string(), fc.webUrl()), (text) => typeof canonicalResource(text) === 'string'));
    });

    it('gives every spelling of a URL one form, which is its own', () => {
      fc.assert(
        fc.property(fc.webUrl({ withQueryParameters: true }), (url) => {
          const { origin, pathname, search } = new URL(url);
          const plain = canonicalResource(`${origin}${pathname.replace(/\/+$/, '')}${search}`);
          expect(canonicalResource(plain)).to.equal(plain);
          expect(canonicalResource(plain.replace(origin, origin.toUpperCase()))).to.equal(plain);
        }),
      );
    });
  });

  it('puts the path of a resource after the well-known path (RFC 9728 section 3.1)', () => {
    const cases = [
      ['https://resource.example.com', 'https://resource.example.com/.well-known/oauth-protected-resource'],
      ['https://resource.example.com/', 'https://resource.example.com/.well-known/oauth-protected-resource'],
      [
        'https://resource.example.com/resource1',
        'https://resource.example.com/.well-known/oauth-protected-resource/resource1',
      ],
      ['https://h.example/a/b/', 'https://h.example/.well-known/oauth-protected-resource/a/b'],
      ['https://h.example/mcp?tenant=1', 'https://h.example/.well-known/oauth-protected-resource/mcp?tenant=1'],
      ['http://LOCALHOST:3000/mcp', 'http://localhost:3000/.well-known/oauth-protected-resource/mcp'],
    ] as const;
    for (const [resource, url] of cases) expect(metadataUrl(resource)).to.equal(url);
  });

  it('puts the path of an issuer after the well-known path (RFC 8414 section 3.1)', () => {
    expect(insertWellKnown('https://example.com/issuer1', 'oauth-authorization-server')).to.equal(
      'https://example.com/.well-known/oauth-authorization-server/issuer1',
    );
    expect(insertWellKnown('https://example.com/', 'oauth-authorization-server')).to.equal(
      'https://example.com/.well-known/oauth-authorization-server',
    );
  });
});
