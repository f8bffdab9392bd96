import { expect } from 'chai';
import { fillSnippets, pages, readPage } from './support/snippets.js';

describe('the documentation', () => {
  for (const page of pages) {
    it(`quotes in ${page} what the examples really say`, () => {
      expect(readPage(page)).to.equal(fillSnippets(readPage(page)));
    });
  }

  it('quotes examples in the README at all', () => {
    expect(readPage('README.md').match(/<!-- snippet: /g)).to.have.lengthOf.at.least(4);
  });
});
