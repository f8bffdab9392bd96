import { expect } from 'chai';
import { report } from '../../examples/support/report.js';

describe('the report of the demo', () => {
  const right = { what: 'no token', expected: '401', got: '401' };

  it('has nothing to say against results that are as expected', () => {
    const { text, wrong } = report([right]);
    expect(wrong).to.equal(0);
    expect(text).to.equal(
      '      WHAT      EXPECTED  RESULT\nok    no token  401       401\n\n1 lines, 0 not as they should be\n',
    );
  });

  it('counts and marks every result that is not', () => {
    const { text, wrong } = report([right, { what: 'expired', expected: '401', got: '200' }]);
    expect(wrong).to.equal(1);
    expect(text).to.match(/^FAIL {2}expired {3}401 {7}200$/m);
    expect(text).to.match(/^2 lines, 1 not as they should be$/m);
  });
});
