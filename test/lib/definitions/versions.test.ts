import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { fileVersions, memoryVersions, type VersionStore } from '../../../lib/index.js';
import { SERVER } from './support.js';

const [ONE, TWO, THREE] = ['1', '2', '3'].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string, string];
const OTHER = 'https://other.example/mcp';

describe('what versions of tools stand for', () => {
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'etdi-versions-'));
  });

  after(() => rm(directory, { recursive: true }));

  let files = 0;
  const kinds: Readonly<Record<string, () => VersionStore>> = {
    memoryVersions,
    fileVersions: () => fileVersions(join(directory, `${(files += 1)}.json`)),
  };

  for (const [kind, open] of Object.entries(kinds)) {
    describe(`in ${kind}`, () => {
      it('is the first definition of a version, for good', async () => {
        const store = open();
        expect(await store.pin('add', '1.0.0', 'legacy', ONE, SERVER)).to.equal('new');
        expect(await store.pin('add', '1.0.0', 'legacy', ONE, SERVER)).to.equal('same');
        expect(await store.pin('add', '1.0.0', 'legacy', TWO, SERVER)).to.equal('changed');
        expect(await store.pin('add', '1.0.0', 'legacy', THREE, SERVER)).to.equal('changed');
        expect(await store.pin('add', '1.0.0', 'legacy', ONE, SERVER)).to.equal('same');
      });

      it('is told apart by name, version, form and server', async () => {
        const store = open();
        await store.pin('add', '1.0.0', 'legacy', ONE, SERVER);
        expect(await store.pin('Add', '1.0.0', 'legacy', TWO, SERVER)).to.equal('new');
        expect(await store.pin('add', '1.0.1', 'legacy', TWO, SERVER)).to.equal('new');
        expect(await store.pin('add', '1.0.0', 'modern', TWO, SERVER)).to.equal('new');
        expect(await store.pin('add', '1.0.0', 'legacy', TWO, OTHER)).to.equal('new');
        expect(await store.pin('add', '1.0.0', 'legacy', ONE, SERVER)).to.equal('same');
      });

      it('keeps older versions, so that going back is no change', async () => {
        const store = open();
        await store.pin('add', '1.0.0', 'legacy', ONE, SERVER);
        await store.pin('add', '2.0.0', 'legacy', TWO, SERVER);
        expect(await store.pin('add', '1.0.0', 'legacy', ONE, SERVER)).to.equal('same');
        expect(await store.pin('add', '1.0.0', 'legacy', TWO, SERVER)).to.equal('changed');
      });

      it('is found again, and whether something else was seen last', async () => {
        const store = open();
        const find = async () => store.find?.('add', '1.0.0', SERVER);
        expect(await find()).to.deep.equal([]);
        await store.pin('add', '1.0.0', 'legacy', ONE, SERVER);
        await store.pin('add', '1.0.0', 'modern', TWO, SERVER);
        await store.pin('add', '1.0.0', 'modern', THREE, SERVER);
        expect(await find()).to.deep.equal([
          { form: 'legacy', digest: ONE, changed: false },
          { form: 'modern', digest: TWO, changed: true },
        ]);
        await store.pin('add', '1.0.0', 'modern', TWO, SERVER);
        expect((await find())?.map(({ changed }) => changed)).to.deep.equal([false, false]);
        expect(await store.find?.('add', '1.0.0', OTHER)).to.deep.equal([]);
      });

      it('is told of tools with names that objects have', async () => {
        const store = open();
        for (const name of ['__proto__', 'constructor', 'toString']) {
          expect(await store.find?.(name, '1.0.0', SERVER), name).to.deep.equal([]);
          expect(await store.pin(name, '1.0.0', 'legacy', ONE, SERVER), name).to.equal('new');
          expect(await store.pin(name, '1.0.0', 'legacy', TWO, SERVER), name).to.equal('changed');
        }
      });

      it('is the first of many that come at once', async () => {
        const store = open();
        const answers = await Promise.all(
          [ONE, TWO, THREE, ONE, TWO, THREE].map(async (digest) => store.pin('add', '1.0.0', 'legacy', digest, SERVER)),
        );
        expect(answers.filter((answer) => answer === 'new')).to.have.lengthOf(1);
        expect(answers.filter((answer) => answer === 'same')).to.have.lengthOf(1);
        expect(answers.filter((answer) => answer === 'changed')).to.have.lengthOf(4);
      });
    });
  }
});
