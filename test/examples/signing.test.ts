import { Writable } from 'node:stream';
import { expect } from 'chai';
import { endToEnd } from '../../examples/signing/end-to-end.js';
import { createAuditLogger } from '../../examples/support/auditLogger.js';

describe('the signing examples', () => {
  it('call a tool that must be signed, before and after a rotation', async () => {
    const records: string[] = [];
    const sink = new Writable({
      write(chunk, _encoding, done) {
        records.push(String(chunk));
        done();
      },
    });
    expect(await endToEnd(createAuditLogger(sink))).to.deep.equal([
      'q3.pdf was approved by https://agent.example',
      'q4.pdf was approved by https://agent.example',
    ]);
    const calls = records
      .map((line) => JSON.parse(line) as Call)
      .filter(({ rpc }) => rpc.some(({ tool }) => tool === 'sign_off'));
    expect(calls.map(({ signature }) => signature?.owner)).to.deep.equal([
      'https://agent.example',
      'https://agent.example',
    ]);
  });
});

interface Call {
  readonly rpc: readonly { readonly tool?: string }[];
  readonly signature?: { readonly owner: string };
}
