import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { Unavailable } from '../../../lib/denial.js';
import { nodeDisk, type Disk } from '../../../lib/files/disk.js';
import { Vault } from '../../../lib/keys/vault.js';
import { failureOf, sandboxed, SECRET } from './support/store.js';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const sandbox = sandboxed();
const path = (name: string): string => join(sandbox().directory, name);
const read = (name: string): Promise<string> => readFile(path(name), 'utf8');
const write = (name: string, text: string): Promise<void> => writeFile(path(name), text, { mode: 0o600 });

/** A store with a retiring and an active key for requests and one for audit. */
async function filled(): Promise<void> {
  const store = await sandbox().open();
  await store.generate('request');
  await store.rotate('request', { immediately: true });
  await store.generate('audit');
  await store.close();
}

const codeOf = async (options = {}): Promise<string | undefined> =>
  (await failureOf(() => sandbox().open(options))).code;

/** Every place in a document, as the names that lead there. */
function placesIn(value: Json, at: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [at];
  return Object.entries(value).flatMap(([name, one]) => placesIn(one, [...at, name]));
}

function changeAt(document: Json, [name = '', ...rest]: string[]): Json {
  const copy = structuredClone(document) as Record<string, Json>;
  const value = copy[name]!;
  if (rest.length > 0) copy[name] = changeAt(value, rest);
  else copy[name] = typeof value === 'number' ? value + 1 : `${(value as string).slice(0, -1)}~`;
  return copy;
}

/** A disk on which one file belongs to somebody else. */
function diskOfAnother(owned: string): Disk {
  const disown = <Found extends object>(found: Found): Found => Object.assign(found, { uid: 12_345 });
  const open: Disk['open'] = async (name, ...rest) => {
    const file = await nodeDisk.open(name, ...rest);
    if (name !== owned) return file;
    const stat = file.stat.bind(file);
    return Object.assign(file, { stat: async () => disown(await stat()) });
  };
  const look = async (name: string): Promise<object> => {
    const found = await nodeDisk.lstat(name);
    return name === resolve(owned) ? disown(found) : found;
  };
  return { ...nodeDisk, open, lstat: look as unknown as Disk['lstat'] };
}

describe('the files of a key store', () => {
  it('are readable by their owner alone', async () => {
    await filled();
    expect((await lstat(sandbox().directory)).mode & 0o777).to.equal(0o700);
    expect(await readdir(sandbox().directory)).to.have.members(['keys.json', 'serial.json']);
    for (const name of ['keys.json', 'serial.json']) expect((await lstat(path(name))).mode & 0o777).to.equal(0o600);
  });

  it('hold private keys as JWE only', async () => {
    await filled();
    const text = await read('keys.json');
    const { store } = JSON.parse(text) as { store: { keys: { privateJwe: string; publicJwk: object }[] } };
    expect(store.keys).to.have.length(3);
    for (const { privateJwe, publicJwk } of store.keys) {
      const [header = '', wrapped, ...rest] = privateJwe.split('.');
      expect(JSON.parse(Buffer.from(header, 'base64url').toString())).to.include({ alg: 'dir', enc: 'A256GCM' });
      expect([wrapped, rest.length]).to.deep.equal(['', 3]);
      expect(publicJwk).not.to.have.any.keys('d', 'p', 'q', 'dp', 'dq', 'qi');
      const sealed = Buffer.from(rest[1]!, 'base64url').toString('latin1');
      expect(sealed).not.to.match(/"d"|"kty"|"crv"/);
    }
    expect(text).not.to.match(/"d":|PRIVATE/);
  });

  describe('open with', () => {
    const encodings: [string, string][] = [
      ['base64', Buffer.from(SECRET).toString('base64')],
      ['base64url', Buffer.from(SECRET).toString('base64url')],
      ['hexadecimal', Buffer.from(SECRET).toString('hex')],
    ];
    for (const [name, secret] of encodings) {
      it(`the ${name} text of the secret they were created with`, async () => {
        await filled();
        expect(await (await sandbox().open({ secret })).list()).to.have.length(3);
      });
    }

    it('the passphrase they were created with, however it was typed, and hold no trace of it', async () => {
      await (await sandbox().open({ secret: 'Pr\u00e9lude en mi mineur' })).generate('request');
      const store = await sandbox().open({ secret: 'Pre\u0301lude en mi mineur' });
      await store.signer('request').current();
      expect(await store.list()).to.have.length(1);
      for (const name of ['keys.json', 'serial.json']) expect(await read(name)).not.to.include('mineur');
      expect(await codeOf({ secret: 'Prelude en mi mineur' })).to.equal('secret_wrong');
    });

    it('no other secret, and stay as they are', async () => {
      await filled();
      const before = await read('keys.json');
      const others = [
        Uint8Array.from(SECRET, (byte, index) => (index === 31 ? byte ^ 1 : byte)),
        'a passphrase in place of a key',
      ];
      for (const secret of others) expect(await codeOf({ secret })).to.equal('secret_wrong');
      expect(await read('keys.json')).to.equal(before);
    });
  });

  describe('are denied', () => {
    const reopen = (): Promise<string | undefined> => codeOf();

    for (const mode of [0o701, 0o702, 0o704, 0o710, 0o720, 0o740, 0o755, 0o777]) {
      it(`in a directory with mode ${mode.toString(8)}`, async () => {
        await filled();
        await chmod(sandbox().directory, mode);
        const error = await failureOf(() => sandbox().open());
        expect(error).to.include({ name: 'KeyStoreError', code: 'store_unsafe' });
        expect(error.message).to.include('chmod 700');
      });
    }

    /** What the change of a value passes for, where that is not a change. */
    const told: Record<string, string> = {
      'keys.json store.version': 'store_version',
      'serial.json store.version': 'store_version',
      'serial.json store.secret': 'secret_wrong',
      'serial.json store.salt': 'secret_wrong',
    };

    for (const name of ['keys.json', 'serial.json']) {
      for (const mode of [0o604, 0o640, 0o602, 0o620, 0o644]) {
        it(`when ${name} has mode ${mode.toString(8)}`, async () => {
          await filled();
          await chmod(path(name), mode);
          const error = await failureOf(() => sandbox().open());
          expect(error.code).to.equal('store_unsafe');
          expect(error.message).to.include('chmod 600');
        });
      }

      it(`when ${name} is a symbolic link`, async () => {
        await filled();
        await rename(path(name), join(sandbox().folder, 'elsewhere'));
        await symlink(join(sandbox().folder, 'elsewhere'), path(name));
        expect(await reopen()).to.equal('store_unsafe');
      });

      it(`when ${name} is a directory`, async () => {
        await filled();
        await unlink(path(name));
        await mkdir(path(name), { mode: 0o700 });
        expect(await reopen()).to.equal('store_unsafe');
      });

      it(`when ${name} is empty, cut short or garbage`, async () => {
        await filled();
        const text = await read(name);
        for (const bad of ['', '{}', text.slice(0, -20), `${text} `, 'null', text.replace('"mac"', '"mic"')]) {
          await write(name, bad);
          expect(await reopen(), bad.slice(0, 20)).to.equal('store_changed');
        }
        await write(name, text);
        await sandbox().open();
      });

      it(`when ${name} is larger than any store`, async () => {
        await filled();
        await truncate(path(name), 17 * 1024 * 1024);
        expect(await reopen()).to.equal('store_unsafe');
      });

      it(`when ${name} was written by a later release`, async () => {
        await filled();
        await write(name, (await read(name)).replace('"version":1', '"version":2'));
        expect(await reopen()).to.equal('store_version');
      });

      it(`when any value in ${name} was changed`, async () => {
        await filled();
        const text = await read(name);
        const places = placesIn(JSON.parse(text) as Json);
        expect(places.length).to.be.greaterThan(5);
        for (const place of places) {
          await write(name, `${JSON.stringify(changeAt(JSON.parse(text) as Json, place))}\n`);
          expect(await reopen(), place.join('.')).to.equal(told[`${name} ${place.join('.')}`] ?? 'store_changed');
        }
        await write(name, text);
        await sandbox().open();
      });
    }

    it('through a symbolic link to the directory, with a slash behind it too', async () => {
      await filled();
      const link = join(sandbox().folder, 'link');
      await symlink(sandbox().directory, link);
      for (const directory of [link, `${link}/`]) expect(await codeOf({ directory })).to.equal('store_unsafe');
    });

    it('where the directory is a file', async () => {
      const directory = join(sandbox().folder, 'file');
      await writeFile(directory, '', { mode: 0o600 });
      expect(await codeOf({ directory })).to.equal('store_unsafe');
    });

    for (const name of ['', 'keys.json', 'serial.json']) {
      it(`when ${name === '' ? 'the directory' : name} belongs to another user`, async () => {
        await filled();
        const options = { directory: sandbox().directory, secret: SECRET, create: true };
        const error = await failureOf(() => Vault.open({ ...options, disk: diskOfAnother(path(name)) }));
        expect(error.code).to.equal('store_unsafe');
        expect(error.message).to.include('another user');
        await Vault.open({ ...options, disk: diskOfAnother(path('lock')) });
      });
    }

    it('when two keys have swapped their private halves', async () => {
      await filled();
      const file = JSON.parse(await read('keys.json')) as { store: { keys: { privateJwe: string }[] } };
      const [one, two] = file.store.keys as [{ privateJwe: string }, { privateJwe: string }];
      [one.privateJwe, two.privateJwe] = [two.privateJwe, one.privateJwe];
      await write('keys.json', `${JSON.stringify(file)}\n`);
      expect(await reopen()).to.equal('store_changed');
    });

    it('when keys.json comes from another store of the same secret', async () => {
      await filled();
      const directory = join(sandbox().folder, 'other');
      const other = await sandbox().open({ directory });
      for (let count = 0; count < 9; count += 1) await other.rotate('request', { immediately: true });
      await write('keys.json', await readFile(join(directory, 'keys.json'), 'utf8'));
      expect(await reopen()).to.equal('store_changed');
    });
  });

  describe('that are gone', () => {
    it('are not made anew in place of keys.json', async () => {
      await filled();
      await unlink(path('keys.json'));
      expect(await codeOf()).to.equal('store_missing');
      expect(await readdir(sandbox().directory)).to.deep.equal(['serial.json']);
    });

    it('are not made anew in place of serial.json', async () => {
      await filled();
      await unlink(path('serial.json'));
      expect(await codeOf()).to.equal('store_rolled_back');
      expect(await readdir(sandbox().directory)).to.deep.equal(['keys.json']);
    });

    it('are not made anew by a store that is open', async () => {
      for (const [name, code] of [
        ['serial.json', 'store_rolled_back'],
        ['keys.json', 'store_missing'],
      ] as const) {
        const directory = join(sandbox().folder, name);
        const store = await sandbox().open({ directory });
        await unlink(join(directory, name));
        expect((await failureOf(() => store.rotate('request'))).code).to.equal(code);
        expect(await readdir(directory)).not.to.include(name);
      }
    });

    it('are not made at all when create is false, or a serial is known', async () => {
      expect(await codeOf({ create: false })).to.equal('store_missing');
      expect(await codeOf({ leastSerial: 1 })).to.equal('store_missing');
      await mkdir(sandbox().directory, { mode: 0o700 });
      expect(await codeOf({ create: false })).to.equal('store_missing');
      expect(await readdir(sandbox().directory)).to.deep.equal([]);
    });

    it('make an open store unavailable', async () => {
      const store = await sandbox().open();
      const signer = store.signer('request');
      await signer.current();
      await rm(sandbox().directory, { recursive: true });
      sandbox().clock.advance(1);
      expect(await failureOf(() => signer.current())).to.be.instanceOf(Unavailable);
      expect(await failureOf(() => store.jwks())).to.be.instanceOf(Unavailable);
    });
  });

  describe('from the past', () => {
    it('are denied when keys.json alone was put back', async () => {
      const store = await sandbox().open();
      const revoked = await store.generate('request');
      const old = await read('keys.json');
      await store.revoke(revoked.keyId);
      await store.close();
      await write('keys.json', old);
      const error = await failureOf(() => sandbox().open());
      expect(error).to.include({ name: 'KeyStoreError', code: 'store_rolled_back' });
    });

    it('are denied by a store that is open when both files were put back', async () => {
      const store = await sandbox().open();
      const { keyId } = await store.generate('request');
      const [keys, serial] = [await read('keys.json'), await read('serial.json')];
      await store.revoke(keyId);
      await store.list();
      await write('keys.json', keys);
      await write('serial.json', serial);
      sandbox().clock.advance(1);
      const error = await failureOf(() => store.jwks());
      expect(error).to.be.instanceOf(Unavailable);
      expect(error.cause).to.include({ code: 'store_rolled_back' });
      expect(await failureOf(() => store.rotate())).to.include({ code: 'store_rolled_back' });
    });

    it('are denied when both were put back and the serial is known from elsewhere', async () => {
      const store = await sandbox().open();
      const { keyId } = await store.generate('request');
      const [keys, serial] = [await read('keys.json'), await read('serial.json')];
      await store.revoke(keyId);
      const leastSerial = await store.serial();
      await store.close();
      await (await sandbox().open({ leastSerial })).close();
      await write('keys.json', keys);
      await write('serial.json', serial);
      expect(await codeOf({ leastSerial })).to.equal('store_rolled_back');
    });

    it('are taken when only serial.json is behind, as after a crash, and put right', async () => {
      const store = await sandbox().open();
      const serial = await read('serial.json');
      await store.generate('request');
      await store.close();
      const newest = await read('serial.json');
      await write('serial.json', serial);
      expect(await (await sandbox().open()).list()).to.have.length(1);
      expect(await read('serial.json')).to.equal(newest);
    });
  });

  it('that a crash left unfinished are removed, and others are not', async () => {
    await filled();
    const id = '01234567-89ab-cdef-0123-456789abcdef';
    const leftovers = [`keys.json.${id}.tmp`, `serial.json.${id}.tmp`, `lock.${id}.tmp`, `lock.break.${id}.tmp`];
    const others = ['notes.txt', `notes.txt.${id}.tmp`, 'keys.json.tmp'];
    for (const name of [...leftovers, ...others]) await write(name, 'half');
    expect(await (await sandbox().open()).list()).to.have.length(3);
    expect(await readdir(sandbox().directory)).to.have.members(['keys.json', 'serial.json', ...others]);
  });
});
