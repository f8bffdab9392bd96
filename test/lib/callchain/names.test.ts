import { expect } from 'chai';
import { callee, calleeOrAny, caller, fullName, nameOf, ROOT } from '../../../lib/callchain/names.js';

const HOME = 'https://a.example/mcp';

describe('names of tools in call rules', () => {
  it('are those of this server, unless they say another', () => {
    const table: readonly (readonly [string, string])[] = [
      ['report', `${HOME}#report`],
      ['https://b.example/mcp#report', 'https://b.example/mcp#report'],
      ['HTTPS://B.example:443/mcp/#report', 'https://b.example/mcp#report'],
      ['@root', '@root'],
      ['*', '*'],
    ];
    for (const [name, expected] of table) expect(fullName(name, HOME), name).to.equal(expected);
  });

  it('have one form for a frame', () => {
    expect(nameOf({ resource: HOME, tool: 'report' })).to.equal(`${HOME}#report`);
    expect(nameOf(ROOT)).to.equal('@root');
  });

  const FORM = "must be a tool name, such as 'report' or 'https://a.example/mcp#report'";
  const checks = [
    ['of tools that may be called', callee, FORM, []],
    ['of tools that may not be called', calleeOrAny, `${FORM}, or '*'`, ['*']],
    ['of those that call', caller, `${FORM}, '@root' or '*'`, ['*', '@root']],
  ] as const;
  for (const [which, check, problem, more] of checks) {
    it(`${which} are taken in their form only`, () => {
      for (const name of ['report', 'a.b-c_d', 'https://b.example/mcp#report', 'urn:agent:7#report', ...more]) {
        expect(check(name), name).to.equal(undefined);
      }
      const wrong = [
        ...['', '#', '#report', 'no tool', 'https://b.example/mcp#', 'https://b.example/mcp#no tool', '//b#report'],
        ...['https://b .example#report', 'a#b#report', 'x#report', ' report', '**', '@roots', 7, undefined, null],
        ...[['report'], { toString: () => 'report' }, ...['*', '@root'].filter((one) => !more.includes(one as never))],
      ];
      for (const name of wrong) expect(check(name), String(name)).to.equal(problem);
    });
  }
});
