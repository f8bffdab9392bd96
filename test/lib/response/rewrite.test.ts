import { expect } from 'chai';
import fc from 'fast-check';
import { rewriteParsed } from '../../../lib/response/rewrite.js';

describe('rewriteParsed', () => {
  it('gives no text when nothing changes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        expect(await rewriteParsed(value, (message) => Promise.resolve(message))).to.equal(undefined);
      }),
    );
  });

  it('asks about objects only, of a batch in order', async () => {
    const asked: unknown[] = [];
    await rewriteParsed([{ id: 1 }, 7, null, [{ id: 2 }], { id: 3 }], (message) => {
      asked.push(message);
      return Promise.resolve(message);
    });
    expect(asked).to.deep.equal([{ id: 1 }, { id: 3 }]);
  });

  it('writes what changed, and what did not beside it', async () => {
    const change = (message: object): Promise<object & Record<string, unknown>> =>
      Promise.resolve({ ...message, x: true });
    expect(await rewriteParsed({ id: 1 }, change)).to.equal('{"id":1,"x":true}');
    expect(await rewriteParsed([7, { id: 1 }], change)).to.equal('[7,{"id":1,"x":true}]');
    expect(await rewriteParsed(JSON.parse('{"__proto__":{"a":1}}'), change)).to.equal('{"__proto__":{"a":1},"x":true}');
  });

  it('fails when asking fails', async () => {
    const error = await rewriteParsed({ id: 1 }, () => Promise.reject(new Error('x'))).catch(
      (reason: unknown) => reason,
    );
    expect(String(error)).to.equal('Error: x');
  });
});
