// A small disk that can be full.
import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Disk {
  readonly directory: string;
  /** How it gets full, for the report. */
  readonly kind: string;
  /** Leaves no room on it for this process. */
  readonly fill: (pid: number) => Promise<void>;
  readonly free: (pid: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** A file system of its own in memory; who may not mount one gets a directory in which files cannot grow when told so. */
export async function openDisk(mayMount: boolean = process.getuid?.() === 0): Promise<Disk> {
  const directory = await mkdtemp(join(tmpdir(), 'etdi-soak-disk-'));
  const mount = ['-t', 'tmpfs', '-o', 'size=24m,mode=700', 'none', directory];
  const isMounted =
    mayMount &&
    (await run('mount', mount).then(
      () => true,
      () => false,
    ));
  return isMounted ? mounted(directory) : limited(directory);
}

function mounted(directory: string): Disk {
  const ballast = join(directory, 'ballast');
  return {
    directory,
    kind: 'a file system that is full (ENOSPC)',
    fill: () => fillWith(ballast),
    free: () => rm(ballast, { force: true }),
    close: async () => {
      await run('umount', ['-l', directory]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Writes smaller and smaller pieces, until not even a small one fits. */
async function fillWith(ballast: string): Promise<void> {
  const handle = await open(ballast, 'w');
  for (let size = 1 << 20; size >= 512; size /= 2) {
    let fits = true;
    while (fits) {
      fits = await handle.write(Buffer.alloc(size)).then(
        ({ bytesWritten }) => bytesWritten === size,
        () => false,
      );
    }
  }
  await handle.close();
}

function limited(directory: string): Disk {
  const limit = async (pid: number, size: string): Promise<void> => {
    await run('prlimit', ['--pid', String(pid), `--fsize=${size}:unlimited`]);
  };
  return {
    directory,
    kind: 'a limit on the size of files (EFBIG)',
    fill: (pid) => limit(pid, '0'),
    free: (pid) => limit(pid, 'unlimited'),
    close: () => rm(directory, { recursive: true, force: true }),
  };
}
