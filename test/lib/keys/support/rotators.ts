import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('rotator.ts', import.meta.url));

const started = new Set<ChildProcess>();

/** Starts processes that wait for the word to rotate the keys of a store. */
export function startRotators(count: number, directory: string): Promise<ChildProcess[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const child = fork(PROGRAM, [directory], { execArgv: ['--import', 'tsx'], stdio: 'inherit' });
      started.add(child);
      child.once('exit', () => started.delete(child));
      await once(child, 'message');
      return child;
    }),
  );
}

/** Lets a process rotate, kills it some milliseconds after its first rotation, and returns the keys that it reported. */
export async function killWhileRotating(child: ChildProcess, milliseconds: number): Promise<string[]> {
  const reported: string[] = [];
  child.on('message', (keyId) => reported.push(keyId as string));
  child.send('go');
  await once(child, 'message');
  await pause(milliseconds);
  const gone = once(child, 'close');
  child.kill('SIGKILL');
  await gone;
  return reported;
}

/** Ends the processes that a test that failed left behind. */
export function stopRotators(): void {
  for (const child of started) child.kill('SIGKILL');
}
