import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { auditReport } from '../../../../lib/audit/report/index.js';
import { escapeText } from '../../../../lib/text.js';
import { everyEvent, everyOutcome } from '../../../support/auditEvents.js';
import { writeTrail } from '../../../support/auditTrails.js';

const NOW = new Date('2026-11-23T08:00:00Z');
let folder: string;
let file: string;

async function pageOf(events: readonly object[]): Promise<string> {
  await writeTrail(file, events);
  const { html } = await auditReport({ files: [file], now: () => NOW });
  return html;
}

/** The rows of the section with that title, each a list of the texts of its cells. */
function rowsOf(page: string, title: string): string[][] {
  const section = page.split('<section').find((one) => one.includes(`<h2>${title}</h2>`)) ?? '';
  return [...section.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row]) =>
    [...row!.matchAll(/<t[dh][^>]*>(.*?)<\/t[dh]>/gs)].map(([, cell]) => textOf(cell!)),
  );
}

function textOf(markup: string): string {
  return markup
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Every tag that is opened or closed, in order, without its attributes. */
function tagsOf(page: string): string[] {
  return [...page.matchAll(/<\/?([a-z0-9]+)/g)].map(([tag]) => tag);
}

describe('auditReport', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mcp-etdi-report-'));
    file = join(folder, 'audit.jsonl');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is one page that loads nothing, runs nothing, and closes what it opens', async () => {
    const page = await pageOf([...Object.values(everyEvent()), ...everyOutcome()]);
    expect(page).to.match(/^<!doctype html>\s*<html lang="en">/);
    expect(page).not.to.match(/<script|<link|<img|<iframe|<form|\bsrc=|\bhref=|\bstyle=|@import|url\(|\son[a-z]+=/i);
    const open: string[] = [];
    for (const tag of tagsOf(page)) {
      if (['<meta', '<rect', '<html'].includes(tag) || ['<!doctype'].includes(tag)) continue;
      if (tag.startsWith('</')) expect(open.pop() ?? '<html').to.equal(`<${tag.slice(2)}`);
      else open.push(tag);
    }
    expect(open).to.deep.equal([]);
  });

  it('allows its own style sheet alone, by its hash', async () => {
    const page = await pageOf([everyEvent().request]);
    const [, css] = /<style>(.*?)<\/style>/s.exec(page) ?? [];
    const hash = createHash('sha256').update(css!).digest('base64');
    const [, policy] = /http-equiv="Content-Security-Policy"\s+content="([^"]*)"/.exec(page) ?? [];
    expect(policy!.replaceAll('&#39;', "'").split('; ')).to.deep.equal([
      "default-src 'none'",
      `style-src 'sha256-${hash}'`,
      "base-uri 'none'",
      "form-action 'none'",
    ]);
  });

  it('has figures whose sums are those of the log', async () => {
    const events = [...Object.values(everyEvent()), ...everyOutcome()];
    const page = await pageOf(events);
    const figures = Object.fromEntries(
      [...page.matchAll(/<dt>(.*?)<\/dt>\s*<dd>(.*?)<\/dd>/gs)].map(([, name, value]) => [
        textOf(name!),
        textOf(value!),
      ]),
    );
    expect(figures).to.deep.equal({
      Requests: '6',
      Allowed: '3',
      Denied: '1',
      Failed: '1',
      Aborted: '1',
      'Proven callers': '1',
    });
    expect(rowsOf(page, 'Who called what').at(-1)!.slice(2, 6)).to.deep.equal(['3', '1', '1', '1']);
    expect(rowsOf(page, 'Denials by reason').at(-1)!.slice(0, 2)).to.deep.equal(['All', '1']);
    const types = rowsOf(page, 'Everything in the log');
    expect(types.at(-1)!.at(-1)).to.equal(String(events.length));
    expect(types.slice(1, -1).reduce((sum, row) => sum + Number(row.at(-1)), 0)).to.equal(events.length);
    const bars = rowsOf(page, 'Requests over time').slice(1);
    expect(bars.flatMap((row) => row.slice(1).map(Number)).reduce((sum, one) => sum + one, 0)).to.equal(6);
  });

  it('says who called what, and what a denial means', async () => {
    const page = await pageOf(everyOutcome());
    expect(rowsOf(page, 'Who called what')[1]).to.deep.equal([
      ...['ann https://as.example.com', 'report tool', '1', '1', '1', '1', '2026-11-22 12:00:00'],
    ]);
    const [, reason] = rowsOf(page, 'Denials by reason');
    expect(reason![0]).to.equal('role_insufficient The role of the caller does not allow it.');
    expect(rowsOf(page, 'Latest denials')[1]).to.deep.equal([
      ...['2026-11-22 12:00:00', 'ann', '192.0.2.7', 'report tool', 'role_insufficient'],
    ]);
  });

  it('shows hostile names as text', async () => {
    const names = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "'--></style><h1>x", '</main><h1>x'];
    for (const name of names) {
      const page = await pageOf(Object.values(everyEvent({ text: name, name })));
      expect(page).not.to.include(name);
      expect(page).to.include(
        name.replace(/[&<>"']/g, (one) => ({ '<': '&lt;', '>': '&gt;', '"': '&quot;' })[one] ?? '&#39;'),
      );
      expect(page).not.to.match(/<script|<img|<h1>x/i);
    }
  });

  it('has the same structure whatever a client calls things', async () => {
    const plain = tagsOf(await pageOf(Object.values(everyEvent())));
    const texts = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(texts, texts, async (text, name) => {
        // Empty and blank names would leave cells out.
        const events = everyEvent({ text: `x${escapeText(text)}`, name: `x${escapeText(name)}` });
        expect(tagsOf(await pageOf(Object.values(events)))).to.deep.equal(plain);
      }),
      { numRuns: 25 },
    );
  });

  it('shows what was put into a file by force as text too', async () => {
    const page = await pageOf([
      { v: 1, type: '<b>', time: 'never', id: 7, principal: '<i>', http: { ip: '\u202e<u>' } },
    ]);
    expect(page)
      .to.include('&lt;b&gt;')
      .and.not.match(/<b>|<i>|<u>|\u202e/);
  });

  it('says first that a log was changed, where, and how', async () => {
    await writeTrail(file, everyOutcome());
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('role_insufficient', 'scope_insufficient'));
    const { html, report } = await auditReport({ files: [file] });
    expect(report.ok).to.equal(false);
    const [, status] = html.split('<section');
    expect(status).to.match(/class="status bad"/);
    expect(textOf(status!))
      .to.include('This log was changed')
      .and.match(/edited : .*line 2, record 2/);
  });

  it('claims no more than it verified', async () => {
    const page = await pageOf(everyOutcome());
    const [, status] = page.split('<section');
    expect(status).to.match(/class="status hint"/);
    expect(textOf(status!))
      .to.include('No change was found')
      .and.include('no signature was verified')
      .and.include('nobody vouches for any of it')
      .and.include('All of it may have been written anew')
      .and.not.match(/not changed/i);
  });

  it('tells of an empty log', async () => {
    const page = await pageOf([]);
    expect(textOf(page))
      .to.include('The log is empty.')
      .and.include('Nothing is in this log')
      .and.not.include('No change');
    expect(page).not.to.include('NaN').and.not.include('Infinity');
  });
});
