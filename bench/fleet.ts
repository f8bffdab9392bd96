// One process for each contender, all alive at once: who is not visited costs nothing.
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Contender, Setup } from './contenders/contender.js';
import { startIssuer, type Tokens } from './issuer.js';
import { BODY, headersWith } from './message.js';
import type { Meter } from './server.js';

/** A contender that serves, and was seen to deny what it must. */
export interface Ship {
  readonly contender: Contender;
  readonly url: string;
  readonly meter: () => Promise<Meter>;
}

export interface Fleet {
  readonly setup: Setup;
  readonly token: string;
  readonly ships: readonly Ship[];
}

/** Starts all contenders, verifies them, lends them to `use`, and ends them. */
export async function withFleet(
  algorithm: Setup['algorithm'],
  contenders: readonly Contender[],
  use: (fleet: Fleet) => Promise<void>,
): Promise<void> {
  const { setup, tokens, close } = await startIssuer(algorithm);
  const children: ChildProcess[] = [];
  try {
    const ships: Ship[] = [];
    for (const contender of contenders) {
      const child = fork(fileURLToPath(new URL('server.js', import.meta.url)), [contender.name, JSON.stringify(setup)]);
      children.push(child);
      const { port } = (await answerOf(child)) as { port: number };
      ships.push({ contender, url: `http://127.0.0.1:${port}/mcp`, meter: () => meterOf(child) });
    }
    for (const ship of ships) await verify(ship, tokens);
    await use({ setup, token: tokens.good, ships });
  } finally {
    for (const child of children) child.kill();
    close();
  }
}

export async function meterOf(child: ChildProcess): Promise<Meter> {
  const answer = answerOf(child);
  child.send('meter');
  return (await answer) as Meter;
}

export function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const lost = (): void => {
      reject(new Error(`a server ended: ${child.spawnargs[2] ?? ''}`));
    };
    child.once('exit', lost).once('message', (message) => {
      child.off('exit', lost);
      resolve(message);
    });
  });
}

/** Nothing is measured that would not protect: every row answers the good request and denies the bad ones. */
async function verify({ contender, url }: Ship, tokens: Tokens): Promise<void> {
  const { name, denies } = contender;
  const expectStatus = async (what: string, expected: number, token: string | undefined, body = BODY) => {
    const { authorization, ...headers } = headersWith(token ?? '');
    const signed = token === undefined || authorization === undefined ? headers : { ...headers, authorization };
    const { status } = await fetch(url, { method: 'POST', headers: signed, body });
    if (status !== expected) throw new Error(`${name}: ${what} is answered with ${status}, not with ${expected}`);
  };
  await expectStatus('the good token', 200, tokens.good);
  if (denies === 'nothing') return;
  await expectStatus('no token', 401, undefined);
  await expectStatus('a forged token', 401, tokens.forged);
  await expectStatus('an expired token', 401, tokens.expired);
  await expectStatus('a token for another server', 401, tokens.elsewhere);
  if (denies === 'bad tokens') return;
  await expectStatus('a token without the scope', 403, tokens.weak);
  if (denies === 'bad tokens, weak scopes') return;
  await expectStatus('an unknown tool', 403, tokens.good, BODY.replace('"echo"', '"unknown"'));
}
