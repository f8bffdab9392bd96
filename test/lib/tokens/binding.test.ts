import { expect } from 'chai';
import { possession, readBindings, type Binding, type PossessionProof } from '../../../lib/tokens/binding.js';
import { TokenFault } from '../../../lib/tokens/fault.js';
import { fakeContext } from '../../../lib/testing.js';

// RFC 9449 figure 8, and RFC 8705 section 3.1, figure 2, in its canonical spelling.
const JKT = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I';
const X5T = 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0';
const KEY: Binding = { method: 'dpop', thumbprint: JKT };
const CERTIFICATE: Binding = { method: 'mtls', thumbprint: X5T };

describe('lib/tokens/binding', () => {
  it('reads what is understood, certificates first, since a proof of a key can be used once', () => {
    expect(readBindings(undefined)).to.deep.equal([]);
    expect(readBindings({ jkt: JKT })).to.deep.equal([KEY]);
    expect(readBindings({ 'x5t#S256': X5T })).to.deep.equal([CERTIFICATE]);
    expect(readBindings({ jkt: JKT, 'x5t#S256': X5T })).to.deep.equal([CERTIFICATE, KEY]);
    expect(readBindings({ 'kc-jkt-type': 'dpop', jkt: JKT })).to.deep.equal([KEY]);
  });

  it('throws for everything else, which would be bound to what nobody proves', () => {
    const inherited: unknown = Object.create({ jkt: JKT });
    for (const cnf of [
      null,
      'x',
      [],
      {},
      inherited,
      { 'kc-jkt-type': 'dpop' },
      { jkt: '' },
      { jkt: `${JKT}=` },
      { jkt: JKT.slice(0, -1) },
      // Another spelling of the same bytes.
      { jkt: `${JKT.slice(0, -1)}J` },
      { 'x5t#S256': `${X5T.slice(0, -1)}1` },
      { jkt: JKT, jwk: {} },
      { jkt: JKT, 'x5t#S256': 'x' },
      { JKT },
      JSON.parse(`{"__proto__":{"jkt":"${JKT}"}}`) as unknown,
    ]) {
      expect(() => readBindings(cnf), JSON.stringify(cnf)).to.throw(TokenFault, 'bound');
    }
  });

  describe('possession', () => {
    const asked: string[] = [];
    const proofOf = (method: Binding['method'], holds = true): PossessionProof => ({
      method,
      prove: (_claimed, thumbprint) => {
        asked.push(thumbprint);
        if (!holds) throw new TokenFault('certificate');
      },
    });
    const prove = async (
      bindings: readonly Binding[],
      scheme: 'bearer' | 'dpop',
      proofs: readonly PossessionProof[] = [proofOf('dpop'), proofOf('mtls')],
      required: 'none' | 'bound' | 'dpop' = 'none',
    ): Promise<string> => {
      asked.length = 0;
      const claimed = { ctx: fakeContext(), token: 't', scheme, bindings };
      return possession(
        proofs,
        required,
      )(claimed).then(
        () => 'proven',
        (error: unknown) => (error instanceof TokenFault ? error.reason : 'another error'),
      );
    };

    it('takes the proof of each binding, and asks for none where there is none', async () => {
      expect(await prove([], 'bearer')).to.equal('proven');
      expect(asked).to.deep.equal([]);
      expect(await prove([KEY], 'dpop')).to.equal('proven');
      expect(asked).to.deep.equal([JKT]);
      expect(await prove([CERTIFICATE], 'bearer')).to.equal('proven');
      expect(asked).to.deep.equal([X5T]);
      expect(await prove([CERTIFICATE, KEY], 'dpop')).to.equal('proven');
      expect(asked).to.deep.equal([X5T, JKT]);
    });

    it('spends no proof of a key when the certificate is wrong', async () => {
      expect(await prove([CERTIFICATE, KEY], 'dpop', [proofOf('dpop'), proofOf('mtls', false)])).to.equal(
        'certificate',
      );
      expect(asked).to.deep.equal([X5T]);
    });

    it('denies another scheme than that of the binding, before any proof is looked at', async () => {
      expect(await prove([KEY], 'bearer')).to.equal('bound');
      expect(await prove([CERTIFICATE, KEY], 'bearer')).to.equal('bound');
      expect(await prove([CERTIFICATE], 'dpop')).to.equal('unbound');
      expect(await prove([], 'dpop')).to.equal('unbound');
      expect(asked).to.deep.equal([]);
    });

    it('denies a binding that nobody here can prove', async () => {
      expect(await prove([KEY], 'dpop', [proofOf('mtls')])).to.equal('bound');
      expect(await prove([CERTIFICATE], 'bearer', [proofOf('dpop')])).to.equal('bound');
      expect(await prove([CERTIFICATE, KEY], 'dpop', [proofOf('dpop')])).to.equal('bound');
      expect(asked, 'no proof of the key is spent').to.deep.equal([]);
    });

    it('denies what is not bound as it must be', async () => {
      expect(await prove([], 'bearer', [], 'bound')).to.equal('unbound');
      expect(await prove([CERTIFICATE], 'bearer', [proofOf('mtls')], 'bound')).to.equal('proven');
      expect(await prove([CERTIFICATE], 'bearer', [proofOf('mtls')], 'dpop')).to.equal('unbound');
      expect(await prove([KEY], 'dpop', [proofOf('dpop')], 'dpop')).to.equal('proven');
    });
  });
});
