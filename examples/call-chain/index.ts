// Tools on three servers that call each other, and everything that is tried against their call chains.
import { report } from '../support/report.js';
import { callChainRows } from './rows.js';

const { text, wrong } = report(await callChainRows((line) => process.stdout.write(line)));
process.stdout.write(text);
process.exitCode = wrong === 0 ? 0 : 1;
