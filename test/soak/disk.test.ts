import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import { openDisk, type Disk } from '../../soak/disk.js';

/** Appends to a file whenever it is asked to, and says how that ended. */
const WRITER = `
const { appendFile } = require('node:fs/promises');
process.on('message', (file) => {
  appendFile(file, 'x'.repeat(4096)).then(() => process.send('written'), ({ code }) => process.send(code));
});
process.send('ready');
`;

describe('the disk of a soak', function () {
  this.timeout(10_000);
  let disk: Disk | undefined;
  let writer: ChildProcess | undefined;

  afterEach(async () => {
    writer?.kill();
    await disk?.close();
  });

  const isLinux = process.platform === 'linux';
  const kinds = isLinux ? ([...(process.getuid?.() === 0 ? [[true, 'ENOSPC']] : []), [false, 'EFBIG']] as const) : [];
  for (const [mayMount, code] of kinds as readonly (readonly [boolean, string])[]) {
    it(`takes nothing while it is full (${code}), and everything again when it is not`, async () => {
      disk = await openDisk(mayMount);
      const file = join(disk.directory, 'file');
      writer = spawn(process.execPath, ['-e', WRITER], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      await once(writer, 'message');
      const pid = writer.pid ?? 0;
      const write = async (): Promise<unknown> => {
        writer?.send(file);
        const [answer] = (await once(writer!, 'message')) as [unknown];
        return answer;
      };
      expect(await write()).to.equal('written');
      await disk.fill(pid);
      expect(await write()).to.equal(code);
      expect(await write()).to.equal(code);
      await disk.free(pid);
      expect(await write()).to.equal('written');
    });
  }
});
