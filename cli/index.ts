#!/usr/bin/env node
import { complain, FAILURE, OK } from './command.js';
import { main } from './main.js';

const args = process.argv.slice(2);
const reader = new AbortController();
const io = {
  stdout: (text: string) => process.stdout.write(text),
  stderr: (text: string) => process.stderr.write(text),
  env: process.env,
  signal: reader.signal,
};
let written: number = OK;

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader such as `head` may leave before everything is written.
  reader.abort();
  if (error.code === 'EPIPE') return;
  written = FAILURE;
  process.exitCode = complain('mcp-etdi', new Error(`the output cannot be written: ${error.message}`), args, io);
});
// Nobody is left to be told.
process.stderr.on('error', () => (process.exitCode = FAILURE));

const code = await main(args, io);
process.exitCode = code === OK ? written : code;
