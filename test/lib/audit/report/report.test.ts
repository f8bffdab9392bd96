import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { calculateJwkThumbprint, type JSONWebKeySet } from 'jose';
import { readLink, type Checkpoint } from '../../../../lib/audit/line.js';
import { signCheckpoint } from '../../../../lib/audit/trail/checkpoint.js';
import type { Named } from '../../../../lib/audit/report/verifyCommand.js';
import { fakeSigner } from '../../../../lib/testing/fakeSigner.js';
import { auditReport } from '../../../../lib/audit/report/index.js';
import { escapeText } from '../../../../lib/text.js';
import { everyEvent, everyOutcome } from '../../../support/auditEvents.js';
import { trailLines, writeTrail } from '../../../support/auditTrails.js';

const execFileAsync = promisify(execFile);
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

/** The terms of a list of them, and what each is. */
function termsOf(markup: string): [string, string][] {
  const terms = markup.split('</dl>')[0]!.matchAll(/<dt>(.*?)<\/dt>\s*<dd>(.*?)<\/dd>/gs);
  return [...terms].map(([, name, value]) => [textOf(name!), textOf(value!)]);
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

  it('tells of the very bytes that it verified: those of a pipe, which is read once', async function () {
    if (process.platform === 'win32') this.skip();
    await writeTrail(file, [everyEvent().request]);
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const writing = execFileAsync('sh', ['-c', 'cat "$1" > "$2"', 'sh', file, pipe]);
    const { html, report } = await auditReport({ files: [pipe], now: () => NOW });
    await writing;
    expect(report).to.include({ ok: true, records: 1 });
    const figures = Object.fromEntries(termsOf(html.split('<dl class="figures">')[1]!));
    expect(figures).to.have.property('Requests', '1');
  });

  it('has figures whose sums are those of the log', async () => {
    const events = [...Object.values(everyEvent()), ...everyOutcome()];
    const page = await pageOf(events);
    const figures = Object.fromEntries(termsOf(page.split('<dl class="figures">')[1]!));
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
      ...['2026-11-22 12:00:00', '1', 'ann', '192.0.2.7', 'report tool', 'role_insufficient'],
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

  describe('of a log that somebody fills with denials', () => {
    const [allowed] = everyOutcome();
    const denied = (subject: string, tool: string, code: string, reason?: string): object => ({
      ...allowed,
      outcome: 'denied',
      principal: { issuer: 'https://as.example.com', subject, clientId: subject },
      rpc: [{ kind: 'request', id: 1, method: 'tools/call', tool }],
      decisions: [
        {
          middleware: 'authorizeScopes',
          effect: 'deny',
          status: 403,
          code,
          detail: reason === undefined ? {} : { reason },
          ms: 1,
        },
      ],
    });
    const many = (make: (index: number) => object): object[] => Array.from({ length: 300 }, (_, index) => make(index));

    it('keeps the rows of everybody else', async () => {
      const flood = [
        ...many((index) => denied('eve', `made-up-${index}`, 'tool_undefined')),
        ...many((index) => denied('eve', `named-${index}`, 'rate_limited')),
      ];
      const page = await pageOf([allowed!, denied('bob', 'report', 'role_insufficient'), ...flood]);
      const calls = rowsOf(page, 'Who called what').slice(1, -1);
      expect(calls[0]!.slice(0, 3)).to.deep.equal(['ann https://as.example.com', 'report tool', '1']);
      expect(calls.map(([caller]) => caller)).to.include('bob https://as.example.com');
      const own = calls.filter(([caller]) => caller!.startsWith('eve'));
      expect(own.length).to.equal(12);
      expect(own.at(-2)!.slice(1, 4)).to.deep.equal(['11 or more further names', '0', '290']);
      expect(own.at(-1)!.slice(1, 4)).to.deep.equal(['300 calls of 300 undefined tools', '0', '300']);
      expect(page).not.to.include('made-up-7');
      const latest = rowsOf(page, 'Latest denials').slice(1);
      expect(latest.map((row) => [row[1], row[2], row.at(-1)])).to.deep.equal([
        ['300', 'eve', 'rate_limited'],
        ['300', 'eve', 'tool_undefined'],
        ['1', 'bob', 'role_insufficient'],
      ]);
    });

    it('counts a name once however often it is called, and says where it stopped counting', async () => {
      const again = many((index) => denied('eve', `t${index % 3}`, 'tool_undefined'));
      const more = [
        ...many((index) => denied('bob', `a${index}`, 'tool_undefined')),
        ...many((index) => denied('bob', `b${index}`, 'tool_undefined')),
      ];
      const page = await pageOf([...again, ...more]);
      const texts = rowsOf(page, 'Who called what').map(([, what]) => what);
      expect(texts).to.include('300 calls of 3 undefined tools');
      expect(texts).to.include('600 calls of 500 or more undefined tools');
    });

    it('takes no name of a batch for one that is not defined, as it may be any of them', async () => {
      const message = { kind: 'request', id: 1, method: 'tools/call' };
      const batch = {
        ...denied('eve', '', 'tool_undefined'),
        rpc: [
          { ...message, tool: 'report' },
          { ...message, tool: 'x' },
        ],
      };
      const rows = rowsOf(await pageOf([batch]), 'Who called what').slice(1, -1);
      expect(rows.map(([, what]) => what)).to.deep.equal(['report tool', 'x tool']);
    });

    it('says what is not defined by its kind, in the plural where it is more than one', async () => {
      const prompt = {
        ...denied('eve', '', 'prompt_undefined'),
        rpc: [{ kind: 'request', id: 1, method: 'prompts/get', prompt: 'p' }],
      };
      const rows = rowsOf(await pageOf([prompt]), 'Who called what').slice(1, -1);
      expect(rows.map(([, what]) => what)).to.deep.equal(['1 call of 1 undefined prompt']);
    });

    it('keeps what no caller did in what stood out', async () => {
      const signature = everyEvent().signature_failed;
      const flood = many((index) => ({ ...signature, detail: { reason: `r${index}` } }));
      const page = await pageOf([everyEvent().configuration_changed, everyEvent().tool_missing, ...flood]);
      const events = rowsOf(page, 'Worth a look').map((row) => row[2]);
      expect(events.filter((one) => one!.includes('signature_failed')).length).to.equal(10);
      expect(events.some((one) => one!.includes('configuration_changed'))).to.equal(true);
      expect(events.some((one) => one!.includes('tool_missing'))).to.equal(true);
    });

    it('tells denials of one code apart by what the check said of them, and says what was down', async () => {
      const page = await pageOf([
        denied('eve', 'report', 'token_invalid', 'expired'),
        denied('eve', 'report', 'token_invalid', 'expired'),
        denied('eve', 'report', 'token_invalid', '<b>format'),
        { ...denied('eve', 'report', 'unavailable', 'The replay store is unavailable'), outcome: 'failed' },
      ]);
      const rows = [...page.matchAll(/<tr class="sub">(.*?)<\/tr>/gs)].map(([, row]) => textOf(row!));
      expect(rows).to.deep.equal([
        'expired 2 2026-11-22 12:00:00',
        '&lt;b&gt;format 1 2026-11-22 12:00:00',
        'The replay store is unavailable 1 2026-11-22 12:00:00',
      ]);
      const reasons = rowsOf(page, 'Latest denials')
        .slice(1)
        .map((row) => row.at(-1));
      expect(reasons).to.deep.equal([
        'unavailable (The replay store is unavailable)',
        'token_invalid (&lt;b&gt;format)',
        'token_invalid (expired)',
      ]);
    });

    it('counts apart who was only asked to try again', async () => {
      const page = await pageOf([allowed!, denied('', 'report', 'proof_nonce')]);
      expect(rowsOf(page, 'Who called what').at(-1)!.slice(2, 7)).to.deep.equal(['1', '0', '1', '0', '0']);
      expect(textOf(page))
        .to.include('Asked to try again 1')
        .and.include('No request was denied. 1 further one was asked to try again')
        .and.not.include('Latest denials');
    });
  });

  describe('says which log it is about', () => {
    const settings = { value: { level: 'high', issuers: ['https://as.example.com'], exposeToken: false } };

    it('by its files, its chain, its ends, and what verified it', async () => {
      const { signer, jwks } = await signedLog();
      const kept = signer.map(({ jws }) => jws);
      const { html } = await auditReport({
        files: [file],
        keys: jwks,
        checkpoints: kept,
        now: () => NOW,
        version: '1.2.3',
      });
      const links = (await readFile(file, 'utf8')).split('\n').map((line) => readLink(Buffer.from(line)));
      const about = Object.fromEntries(termsOf(html.split('<dl class="about">')[1]!));
      expect(about).to.deep.equal({
        Files: file,
        Chain: links[0]!.chain,
        'First record': `record 1, 2026-11-22 12:00:00 UTC, hash ${links[0]!.hash}`,
        'Last record': `record 3, 2026-11-22 12:00:00 UTC, hash ${links[2]!.hash}`,
        'Keys that verified': await calculateJwkThumbprint(jwks.keys[0]!),
        'Kept checkpoints compared': 'record 2, made 2026-11-22 13:00:00 UTC',
        'Written by': 'mcp-etdi 1.2.3',
      });
    });

    it('and names no key and no checkpoint that verified nothing', async () => {
      const { signer } = await signedLog();
      const { html } = await auditReport({ files: [file], now: () => NOW });
      const about = Object.fromEntries(termsOf(html.split('<dl class="about">')[1]!));
      expect(about).to.include({ 'Keys that verified': 'none', 'Kept checkpoints compared': 'none' });
      const text = await readFile(file, 'utf8');
      await writeFile(file, text.replace('ann', 'eve'));
      const changed = await auditReport({ files: [file], checkpoints: signer, now: () => NOW });
      expect(termsOf(changed.html.split('<dl class="about">')[1]!).flat()).to.include(
        'see above: the log is not what was written',
      );
    });

    it('with every configuration that came to be in force, as text', async () => {
      const page = await pageOf([
        { ...everyEvent().configuration_loaded, component: 'securityProfile', settings },
        { ...everyEvent().configuration_changed, actor: '<b>eve', settings: { keys: ['level'] } },
        { v: 1, type: 'configuration_changed', component: 7, settings: 'x' },
      ]);
      const found = [...page.matchAll(/<details>\s*<summary>(.*?)<\/details>/gs)].map(([, one]) => textOf(one!));
      expect(found).to.include.members([
        'A configuration is in force: securityProfile , 2026-11-22 12:00:00 UTC exposeToken : false issuers : [&quot;https://as.example.com&quot;] level : high',
        'A configuration changed: rateLimit by &lt;b&gt;eve, 2026-11-22 12:00:00 UTC keys : [&quot;level&quot;]',
        'A configuration changed: 7 , - UTC no settings',
      ]);
    });

    it('and how to verify it, in words for a shell', async () => {
      await writeTrail(file, everyOutcome());
      const codeOf = async (named?: Named): Promise<string> => {
        const { html } = await auditReport({ files: [file], now: () => NOW, ...(named ? { named } : {}) });
        return textOf(/<footer>(.*?)<\/footer>/s.exec(html)![1]!).split('itself')[1]!;
      };
      expect(await codeOf()).to.equal(
        `, with the public keys (--keys) and a checkpoint that was kept elsewhere (--checkpoint) added: mcp-etdi audit verify ${file}`,
      );
      const named = { files: ["it's <b>.jsonl"], keys: 'keys.jwks.json', checkpoints: ['a b', 'c'], partial: true };
      expect(await codeOf(named)).to.equal(
        ': mcp-etdi audit verify &#39;it&#39;\\&#39;&#39;s &lt;b&gt;.jsonl&#39; --keys keys.jwks.json --checkpoint &#39;a b&#39; --checkpoint c --partial',
      );
    });

    async function signedLog(): Promise<{ signer: readonly Checkpoint[]; jwks: JSONWebKeySet }> {
      const signer = await fakeSigner();
      const events = everyOutcome().slice(0, 2);
      const { chain, seq, hash } = readLink(Buffer.from(trailLines(events)[1]!))!;
      const checkpoint = await signCheckpoint(signer, { chain, seq, hash, time: '2026-11-22T13:00:00.000Z' });
      await writeTrail(file, [...events, { ...everyEvent().trail_checkpoint, jws: checkpoint.jws }]);
      return { signer: [checkpoint], jwks: signer.jwks };
    }
  });

  describe('over time', () => {
    const at = (time: string): object => ({ ...everyOutcome()[0], time });
    const marksOf = (page: string): string[] =>
      [...(/<div class="axis">(.*?)<\/div>/s.exec(page)?.[1] ?? '').matchAll(/<span>(.*?)<\/span>/g)].map(
        ([, one]) => one!,
      );

    it('ends with the last request', async () => {
      const page = await pageOf([at('2026-11-22T12:00:00.000Z'), at('2026-11-22T12:00:04.000Z')]);
      expect(marksOf(page)).to.deep.equal(['2026-11-22 12:00:00', '2026-11-22 12:00:02', '2026-11-22 12:00:04']);
      expect(page).to.include('viewBox="0 0 50 100"');
      const [, width] = /<rect class="allowed" x="[\d.]+" y="[\d.]+" width="([\d.]+)"/.exec(page) ?? [];
      expect(Number(width)).to.be.closeTo((8 * 5) / 24, 0.01);
    });

    it('ends on the day of the last request, though its bar goes on', async () => {
      const page = await pageOf([at('2026-06-01T12:00:00.000Z'), at('2026-08-01T12:00:00.000Z')]);
      expect([marksOf(page)[0], marksOf(page).at(-1)]).to.deep.equal(['2026-06-01', '2026-08-01']);
    });
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
