import { expect } from 'chai';
import fc from 'fast-check';
import { html } from '../../../../lib/audit/report/html.js';

describe('html', () => {
  const cases: [name: string, value: string, markup: string][] = [
    ['a tag', '<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    ['the end of an attribute', `" onload='x`, '&quot; onload=&#39;x'],
    ['an entity', '&lt;', '&amp;lt;'],
    ['a bidirectional character', 'a\u202eb', 'a\\u202eb'],
    ['a line break', 'a\nb', 'a\\u000ab'],
    ['what was escaped before', 'a\\u000ab', 'a\\u000ab'],
    ['a comment', '<!-- -->', '&lt;!-- --&gt;'],
  ];
  for (const [name, value, markup] of cases) {
    it(`shows ${name} as text`, () => {
      expect(html`<b title="${value}">${[value]}</b>`.markup).to.equal(`<b title="${markup}">${markup}</b>`);
    });
  }

  it('takes markup that it made itself, lists, numbers, and nothing', () => {
    expect(html`${[html`<i>${1}</i>`, [html`<b></b>`, 'x']]}${undefined}`.markup).to.equal('<i>1</i><b></b>x');
  });

  it('takes no object that merely looks like markup', () => {
    const forged = JSON.parse('{"markup":"<script>"}') as never;
    expect(() => html`${forged}`).to.throw();
  });

  it('cuts what is too long to be read', () => {
    expect(html`${'a'.repeat(5000)}`.markup).to.equal(`${'a'.repeat(300)}\\...`);
  });

  it('lets no text open or close anything', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(html`${text}`.markup).not.to.match(/[<>"'\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
  });
});
