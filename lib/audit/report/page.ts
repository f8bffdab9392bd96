import { createHash } from 'node:crypto';
import { callsSection } from './callsSection.js';
import { countText, numberText, timeText } from './cells.js';
import { denialsSection, notableSection } from './entriesSection.js';
import { html, style, type Html } from './html.js';
import { OUTCOMES, sumOf, titleOf } from './outcomes.js';
import { reasonsSection } from './reasonsSection.js';
import { statusSection, type Verification } from './statusSection.js';
import { CSS } from './style.js';
import type { Tally } from './tally.js';
import { timelineSection } from './timelineSection.js';
import { typesSection } from './typesSection.js';

/** What a page is made of. */
interface Page {
  readonly files: readonly string[];
  readonly verification: Verification;
  readonly tally: Tally;
  readonly now: Date;
}

/** Nothing but our own style sheet is loaded or run, whatever a log may hold. */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(CSS).digest('base64')}'; base-uri 'none'; form-action 'none'`;

/** The whole page. It needs nothing else, and no network. */
export function renderPage({ files, verification, tally, now }: Page): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <meta name="robots" content="noindex" />
        <title>Audit report</title>
        ${style(CSS)}
      </head>
      <body>
        <main>
          <header>
            <h1>Audit report</h1>
            <p class="soft">${periodText(tally)}</p>
          </header>
          ${statusSection(verification)} ${figures(tally)} ${timelineSection(tally.timeline)} ${notableSection(tally)}
          ${reasonsSection(tally)} ${callsSection(tally)} ${denialsSection(tally)} ${typesSection(tally)}
          ${footer(files, now)}
        </main>
      </body>
    </html> `.markup;
}

function periodText({ records, from, until }: Tally): string {
  if (records === 0) return 'The log is empty.';
  return `${countText(records, 'record')} from ${timeText(from)} to ${timeText(until)} UTC`;
}

function figures({ requests, callers }: Tally): Html {
  const people = callers.entries().filter(([key]) => key !== NOBODY).length;
  const all = [
    html`<div>
      <dt>Requests</dt>
      <dd>${numberText(sumOf(requests))}</dd>
    </div>`,
    ...OUTCOMES.map(
      (outcome) =>
        html`<div>
          <dt><i class="${outcome}"></i>${titleOf(outcome)}</dt>
          <dd>${numberText(requests[outcome])}</dd>
        </div>`,
    ),
    html`<div>
      <dt>Proven callers</dt>
      <dd>${numberText(people)}${callers.rest === undefined ? '' : '+'}</dd>
    </div>`,
  ];
  return html`<dl class="figures">${all}</dl>`;
}

const NOBODY = JSON.stringify(['', '']);

function footer(files: readonly string[], now: Date): Html {
  return html`<footer>
    <p>
      Written by mcp-etdi at ${timeText(now.getTime())} UTC from ${countText(files.length, 'file')}. This page is a copy
      of figures and proves nothing. To verify the log itself:
    </p>
    <pre><code>mcp-etdi audit verify ${files.join(' ')} --keys keys.jwks.json --checkpoint checkpoint.json</code></pre>
  </footer>`;
}
