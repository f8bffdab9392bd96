// Attacks on tools that really run: each against an official client as it is, then against the same client guarded.
import { report } from '../support/report.js';
import { attackRows } from './attacks.js';

const { text, wrong } = report(await attackRows());
process.stdout.write(text);
process.exitCode = wrong === 0 ? 0 : 1;
