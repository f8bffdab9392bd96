import { expect } from 'chai';
import fc from 'fast-check';
import { proofUrl } from '../../../lib/dpop/url.js';

describe('lib/dpop/url', () => {
  it('normalizes as RFC 3986 sections 6.2.2 and 6.2.3 say, without query and fragment', () => {
    const cases: readonly (readonly [url: string, form: string])[] = [
      ['https://mcp.example/mcp', 'https://mcp.example/mcp'],
      ['HTTPS://MCP.example:443/mcp?a=1#b', 'https://mcp.example/mcp'],
      ['http://mcp.example:80', 'http://mcp.example/'],
      ['https://mcp.example', 'https://mcp.example/'],
      ['https://mcp.example/a/./b/../c', 'https://mcp.example/a/c'],
      ['https://mcp.example/%7Euser', 'https://mcp.example/~user'],
      ['https://mcp.example/%6d%63%70', 'https://mcp.example/mcp'],
      ['https://mcp.example/a%2fb', 'https://mcp.example/a%2Fb'],
      ['https://mcp.example/a%c3%bc', 'https://mcp.example/a%C3%BC'],
      ['http://[::1]:3000/mcp', 'http://[::1]:3000/mcp'],
    ];
    for (const [url, form] of cases) expect(proofUrl(url), url).to.equal(form);
  });

  it('keeps apart what is not the same', () => {
    for (const url of ['https://h/a%2Fb', 'https://h/a%252Fb', 'https://h/a//b', 'https://h/a/', 'https://h/A']) {
      expect(proofUrl(url)).to.not.equal(proofUrl('https://h/a/b')).and.not.equal(proofUrl('https://h/a'));
    }
  });

  it('has no form for what is no http URL, or would have to be repaired first', () => {
    for (const url of [
      '',
      '/mcp',
      '//mcp.example/mcp',
      'ftp://mcp.example/mcp',
      'https:mcp.example/mcp',
      'https:/mcp.example/mcp',
      'https://user@mcp.example/mcp',
      'https://:secret@mcp.example/mcp',
      'https://mcp.example\\mcp',
      'https://mcp.example/m cp',
      'https://mcp.example/m\tcp',
      'https://mcp.example/mcp\n',
      'https://mcp.example/m%p',
      'https://mcp.example/mcp%2',
      'https://m\u00e4p.example/mcp',
      'https://mcp.example:99999/mcp',
    ]) {
      expect(proofUrl(url), url).to.equal(undefined);
    }
  });

  it('finds the form of a form to be the same, and never throws', () => {
    const paths = fc
      .array(fc.constantFrom('a', 'B', '%41', '%2f', '%zz', '.', '..', '/', '~', '%', 'x?y', '#', '%5'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(paths, (path) => {
        const form = proofUrl(`https://h/${path}`);
        if (form !== undefined) expect(proofUrl(form)).to.equal(form);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        proofUrl(text);
        proofUrl(`https://${text}`);
      }),
    );
  });
});
