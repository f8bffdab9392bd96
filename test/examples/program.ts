import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** An example that runs as a program of its own. */
export interface Program {
  /** Everything it has written to standard output so far. */
  readonly output: () => string;
  readonly errors: () => string;
  /** Waits until the output matches. Rejects when the program ends before. */
  readonly says: (pattern: RegExp) => Promise<void>;
  /** Waits for the end, after a signal if one is named, and returns the exit code. */
  readonly end: (signal?: NodeJS.Signals) => Promise<number | null>;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Starts `examples/<name>` with these environment variables beside the usual ones. */
export function startProgram(name: string, env: Record<string, string> = {}): Program {
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(
    process.execPath,
    ['--import', 'tsx', `examples/${name}`],
    { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const closed = once(child, 'close') as Promise<[number | null]>;
  return {
    output: () => output,
    errors: () => errors,
    says: async (pattern) => {
      const gone = closed.then(() => Promise.reject(new Error(`${name} ended early: ${errors}${output}`)));
      gone.catch(() => undefined);
      while (!pattern.test(output)) await Promise.race([once(child.stdout, 'data'), gone]);
    },
    end: async (signal) => {
      if (signal !== undefined) child.kill(signal);
      const [code] = await closed;
      return code;
    },
  };
}

/** Runs a command line as a shell does when it is pasted. */
export async function paste(command: string): Promise<string> {
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(child, 'close');
  return output;
}

/** A port that is free, and the next one too. Both are below those that connections on their way out take. */
export async function twoFreePorts(): Promise<number> {
  for (;;) {
    const port = 20_000 + 2 * Math.floor(Math.random() * 5_000);
    const servers = [port, port + 1].map((one) => createServer().listen(one, '127.0.0.1'));
    const free = await Promise.all(
      servers.map((server) =>
        once(server, 'listening').then(
          () => true,
          () => false,
        ),
      ),
    );
    const listening = servers.filter((_server, at) => free[at]);
    for (const server of listening) {
      server.close();
      await once(server, 'close');
    }
    if (listening.length === 2) return port;
  }
}
