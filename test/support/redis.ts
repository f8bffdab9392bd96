import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A Redis server of a test's own, on a free port of the loopback interface. */
export interface TestRedis {
  readonly port: number;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** Takes commands and answers none, until it is stopped or goes on. */
  readonly stall: () => void;
  readonly goOn: () => void;
  readonly close: () => Promise<void>;
}

/** Whether the server is installed. In CI a missing one is a failure, never a skipped test. */
export function hasRedis(): boolean {
  const found = spawnSync('redis-server', ['--version']).status === 0;
  if (!found && process.env['CI'] === 'true') throw new Error('redis-server is not installed');
  if (!found) console.log('    (redis-server is not installed: the tests that need it are skipped)');
  return found;
}

/** Unless it is `durable`, it has forgotten everything when it is started again. */
export async function startRedis({ durable = false } = {}): Promise<TestRedis> {
  const directory = mkdtempSync(join(tmpdir(), 'etdi-redis-'));
  const port = await freePort();
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const args = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      ...(durable ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']),
      '--dir',
      directory,
    ];
    child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const text of child.stdout ?? []) if (String(text).includes('Ready to accept connections')) break;
    child.stdout?.on('error', () => undefined).resume();
  };
  const stop = async (): Promise<void> => {
    if (child?.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const close = async (): Promise<void> => {
    await stop();
    rmSync(directory, { recursive: true, force: true });
  };
  await start();
  const stall = (): void => void child?.kill('SIGSTOP');
  const goOn = (): void => void child?.kill('SIGCONT');
  return { port, start, stop, stall, goOn, close };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
