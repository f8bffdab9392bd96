import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { nodeDisk, type Disk } from '../../../../lib/files/disk.js';

/** The process is dead: nothing it was going to do happens. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

export interface CrashingDisk {
  readonly disk: Disk;
  /** What was done that changes files, in order. */
  readonly done: readonly string[];
  /** Whether the crash came. */
  readonly hasCrashed: () => boolean;
}

/** A disk that stops working after the given number of changes. A write that is the last one gets half way. */
export function crashingDisk(changes: number): CrashingDisk {
  const done: string[] = [];
  let dead = false;

  const step = async <Result>(name: string, act: () => Promise<Result>, half = act): Promise<Result> => {
    if (dead) throw new Crash();
    done.push(name);
    if (done.length < changes) return act();
    dead = true;
    const left: unknown = await half();
    if (typeof left === 'object' && left !== null && 'close' in left) await (left as FileHandle).close();
    throw new Crash();
  };

  const guard = (file: FileHandle, name: string): FileHandle => {
    const [writeFile, sync, close] = [file.writeFile.bind(file), file.sync.bind(file), file.close.bind(file)];
    return Object.assign(file, {
      writeFile: (text: string) =>
        step(
          `write ${name}`,
          () => writeFile(text),
          () => writeFile(text.slice(0, 50)),
        ),
      sync: () => step(`sync ${name}`, sync),
      close: async () => {
        await close();
        if (dead) throw new Crash();
      },
    });
  };

  const disk: Disk = {
    ...nodeDisk,
    open: async (path, flags, ...rest) => {
      const name = nameOf(path as string);
      const open = (): Promise<FileHandle> => nodeDisk.open(path, flags, ...rest);
      if (dead) throw new Crash();
      return guard(await (flags === 'wx' ? step(`create ${name}`, open) : open()), name);
    },
    link: (from, to) => step(`link ${nameOf(to as string)}`, () => nodeDisk.link(from, to)),
    rename: (from, to) => step(`rename to ${nameOf(to as string)}`, () => nodeDisk.rename(from, to)),
    unlink: (path) => step(`unlink ${nameOf(path as string)}`, () => nodeDisk.unlink(path)),
    mkdir: ((path: string, options: object) =>
      step(`mkdir ${nameOf(path)}`, () => nodeDisk.mkdir(path, options))) as unknown as Disk['mkdir'],
  };
  return { disk, done, hasCrashed: () => dead };
}

function nameOf(path: string): string {
  return basename(path).replace(/\.[0-9a-f-]{36}\.tmp$/, ' draft');
}
