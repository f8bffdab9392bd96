import { createHash } from 'node:crypto';
import { aboutSection, type About } from './aboutSection.js';
import { callsSection } from './callsSection.js';
import { countText, numberText, timeText } from './cells.js';
import { denialsSection, notableSection } from './entriesSection.js';
import { html, style, type Html } from './html.js';
import { shownOf, sumOf, titleOf } from './outcomes.js';
import { reasonsSection } from './reasonsSection.js';
import { statusSection, type Verification } from './statusSection.js';
import { CSS } from './style.js';
import type { Tally } from './tally.js';
import { timelineSection } from './timelineSection.js';
import { typesSection } from './typesSection.js';
import { verifyCommand, type Named } from './verifyCommand.js';

/** What a page is made of. */
interface Page {
  readonly about: About;
  readonly named: Named;
  readonly verification: Verification;
  readonly tally: Tally;
  readonly now: Date;
}

/** Nothing but our own style sheet is loaded or run, whatever a log may hold. */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(CSS).digest('base64')}'; base-uri 'none'; form-action 'none'`;

/** The whole page. It needs nothing else, and no network. */
export function renderPage({ about, named, verification, tally, now }: Page): string {
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
          ${statusSection(verification)} ${aboutSection(about)} ${figures(tally)} ${timelineSection(tally.timeline)}
          ${notableSection(tally)} ${reasonsSection(tally)} ${callsSection(tally)} ${denialsSection(tally)}
          ${typesSection(tally)} ${footer(named, now)}
        </main>
      </body>
    </html> `.markup;
}

function periodText({ records, from, until }: Tally): string {
  if (records === 0) return 'The log is empty.';
  return `${countText(records, 'record')} from ${timeText(from)} to ${timeText(until)} UTC`;
}

function figures({ requests, callers }: Tally): Html {
  const people = callers.list().filter(({ caller, issuer }) => caller !== '' || issuer !== '').length;
  const all = [
    html`<div>
      <dt>Requests</dt>
      <dd>${numberText(sumOf(requests))}</dd>
    </div>`,
    ...shownOf(requests).map(
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

function footer(named: Named, now: Date): Html {
  const words = verifyCommand(named).map((word, index) => html`${index === 0 ? '' : ' '}${word}`);
  const others = unknownText(named);
  return html`<footer>
    <p>
      Written at ${timeText(now.getTime())} UTC. This page is a copy of figures and proves nothing. To verify the log
      itself${others}:
    </p>
    <pre><code>${words}</code></pre>
  </footer>`;
}

/** Whoever reads the page has to know that a log says nothing about its own end. */
function unknownText({ keys, checkpoints }: Named): string {
  const missing = [
    ...(keys === undefined ? ['the public keys (--keys)'] : []),
    ...(checkpoints === undefined ? ['a checkpoint that was kept elsewhere (--checkpoint)'] : []),
  ];
  return missing.length === 0 ? '' : `, with ${missing.join(' and ')} added`;
}
