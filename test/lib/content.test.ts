import { expect } from 'chai';
import { hasContent, mayHideContent } from '../../lib/content.js';

describe('the content of a request', () => {
  it('takes a request for one with content by its method, or by what says that content follows', () => {
    const table: readonly (readonly [string, Record<string, string[]>, boolean])[] = [
      ['POST', {}, true],
      ['POST', { 'content-length': ['0'] }, true],
      ['PUT', {}, true],
      ['get', {}, true],
      ['GET', {}, false],
      ['GET', { 'content-length': ['0'] }, false],
      ['GET', { 'content-length': [] }, false],
      ['GET', { 'content-length': ['1'] }, true],
      ['GET', { 'content-length': ['00'] }, true],
      ['GET', { 'transfer-encoding': ['chunked'] }, true],
      ['GET', { 'content-length': ['0'], 'transfer-encoding': ['chunked'] }, true],
      ['HEAD', {}, false],
      ['DELETE', {}, false],
      ['DELETE', { 'content-length': ['2'] }, true],
      ['OPTIONS', {}, false],
    ];
    for (const [method, headers, expected] of table) {
      expect(hasContent(method, headers), `${method} ${JSON.stringify(headers)}`).to.equal(expected);
    }
  });

  it('takes a request of HTTP/2 for one that may hide its content, where nothing says that there is any', () => {
    const h2 = { ':method': ['GET'] };
    expect(mayHideContent('GET', h2)).to.equal(true);
    expect(mayHideContent('GET', {})).to.equal(false);
    expect(mayHideContent('GET', { ...h2, 'content-length': ['1'] })).to.equal(false);
    expect(mayHideContent('POST', h2)).to.equal(false);
  });
});
