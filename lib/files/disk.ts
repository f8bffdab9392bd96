import { link, lstat, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';

/** The system calls that files are kept with. Tests replace them to crash after any one of them. */
export type Disk = Readonly<{
  link: typeof link;
  lstat: typeof lstat;
  mkdir: typeof mkdir;
  open: typeof open;
  readdir: typeof readdir;
  rename: typeof rename;
  unlink: typeof unlink;
}>;

export const nodeDisk: Disk = Object.freeze({ link, lstat, mkdir, open, readdir, rename, unlink });

/** Whether a system call failed with one of these codes. */
export function failedWith(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(error.code as string);
}
