// The process of the server, as seen from outside.
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { JSONWebKeySet } from 'jose';
import { ErrorLog } from './errorLog.js';
import type { ServerSetting } from './server.js';

/** What the process says about itself. Delays in milliseconds, since the last time it was asked. */
export interface Measured {
  readonly heapUsed: number;
  readonly rss: number;
  readonly cpuMs: number;
  readonly delay: { readonly p50: number; readonly p99: number; readonly p999: number; readonly max: number };
}

/** What can be asked of it, and the answers. */
export interface Answered {
  readonly measure: Measured;
  /** How many keys were made. */
  readonly rotate: number;
  /** The keys that have signed its audit trail. */
  readonly close: JSONWebKeySet;
}
export type Asked = keyof Answered;

const PROGRAM = fileURLToPath(new URL('server.ts', import.meta.url));

export class ServerProcess {
  port = 0;
  /** How often it ended without having been told to. */
  crashes = 0;
  readonly errors = new ErrorLog();
  readonly #child: ChildProcess;
  readonly #waiting = new Map<string, (answer: unknown) => void>();
  #closing = false;

  private constructor(setting: ServerSetting) {
    this.#child = fork(PROGRAM, [JSON.stringify(setting)], {
      execArgv: ['--import', 'tsx', '--expose-gc'],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this.#child.on('message', ({ asked, answer }: { asked: string; answer: unknown }) => {
      this.#waiting.get(asked)?.(answer);
    });
    this.#child.on('exit', () => {
      if (!this.#closing) this.crashes += 1;
      for (const answer of this.#waiting.values()) answer(undefined);
    });
    this.errors.read(this.#child.stderr);
  }

  static async start(setting: ServerSetting): Promise<ServerProcess> {
    const started = new ServerProcess(setting);
    started.port = (await started.#answer('start')) as number;
    return started;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Nothing, when the process is gone. */
  async ask<Name extends Asked>(asked: Name): Promise<Answered[Name] | undefined> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return undefined;
    if (asked === 'close') this.#closing = true;
    const answer = this.#answer(asked);
    this.#child.send(asked);
    return (await answer) as Answered[Name] | undefined;
  }

  /** For when it does not close by itself. */
  kill(): void {
    this.#closing = true;
    this.#child.kill('SIGKILL');
  }

  #answer(asked: string): Promise<unknown> {
    return new Promise((resolve) => this.#waiting.set(asked, resolve));
  }
}
