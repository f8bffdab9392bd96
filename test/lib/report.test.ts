import { expect } from 'chai';
import fc from 'fast-check';
import { reportError } from '../../lib/report.js';
import { withoutStandardError } from '../adapters/standardError.js';

const reported = async (...errors: readonly unknown[]): Promise<readonly string[]> =>
  withoutStandardError(() => {
    for (const error of errors) reportError(error, 'request-7');
    return Promise.resolve();
  });

describe('reportError', () => {
  it('writes one line of ASCII for any error, and never throws', async () => {
    const texts = fc.sample(fc.string({ unit: 'binary' }), 200);
    const errors = [
      ...texts.map((text) => new Error(text)),
      ...texts,
      ...fc.sample(fc.anything({ withNullPrototype: true }), 200),
    ];
    const lines = await reported(...errors);
    expect(lines).to.have.length(errors.length);
    for (const line of lines)
      expect(line).to.match(/^\{"source":"mcp-etdi","request":"request-7","error":"[\x20-\x7e]*"\}\n$/);
  });

  it('says where an error was thrown, and what caused it', async () => {
    const [line = ''] = await reported(new TypeError('outer', { cause: new RangeError('inner') }));
    const { error } = JSON.parse(line) as { error: string };
    expect(error)
      .to.match(/^TypeError: outer\n +at .*report\.test/)
      .and.match(/\ncaused by: RangeError: inner\n +at /);
  });

  it('writes what is no error as it is', async () => {
    const lines = await reported('text', undefined, null, 7, Symbol('s'), Object.create(null));
    expect(lines.map((line) => (JSON.parse(line) as { error: string }).error)).to.deep.equal([
      'text',
      'undefined',
      'null',
      '7',
      'Symbol(s)',
      'an error that cannot be printed',
    ]);
  });

  it('writes errors without a stack', async () => {
    const bare = Object.assign(new Error('bare'), { stack: undefined });
    const caused = Object.assign(new Error('caused', { cause: bare }), { stack: undefined });
    const lines = await reported(bare, caused);
    expect(lines[0]).to.include('Error: bare');
    expect(lines[1]).to.include('Error: caused\\ncaused by: bare');
  });
});
