import { expect } from 'chai';
import { signatureBase } from '../../../lib/signatures/base.js';
import { componentValue } from '../../../lib/signatures/base.js';
import { readComponent, type Component } from '../../../lib/signatures/component.js';
import { verifyContentDigest } from '../../../lib/signatures/contentDigest.js';
import { STRUCTURED_FIELDS } from '../../../lib/signatures/field.js';
import { originOf, targetOf, type Message, type RequestMessage } from '../../../lib/signatures/message.js';
import { parseDictionary, parseItem } from '../../../lib/signatures/parse.js';
import { findSignatures, parametersText, readSignature } from '../../../lib/signatures/received.js';
import { serializeDictionary } from '../../../lib/signatures/serialize.js';
import type { Dictionary, InnerList } from '../../../lib/signatures/structured.js';
import { verifyMessage } from '../../../lib/signatures/verify.js';
import { readMessage, readRequest, withHeaders } from './httpMessage.js';
import { COMPONENTS, VECTORS, type Vector } from './rfc9421.js';
import { SCHEME_KEYS } from './schemes.js';
import { reasonOf, rejectionOf } from './thrown.js';

const KNOWN = new Map([...STRUCTURED_FIELDS, ['example-dict', 'dictionary'] as const]);

function messageOf(vector: Vector): Message {
  const { request } = vector;
  return readMessage(vector.message, request === undefined ? {} : { request: readRequest(request).message }).message;
}

function signatureOf(message: Message, label: string) {
  const found = findSignatures(message.headers).find((one) => one.label === label);
  if (found === undefined) throw new Error(`no signature ${label}`);
  return readSignature(found);
}

/** Why the signature under a label does not match, nothing when it does. */
async function outcome(message: Message, label: string, key = SCHEME_KEYS.ed25519) {
  return rejectionOf(() => verifyMessage(message, signatureOf(message, label), key));
}

/** The message with its signature's input changed. */
function withInput(message: Message, label: string, change: (input: InnerList) => InnerList): Message {
  const members = new Map(parseDictionary(message.headers['signature-input']?.join(', ') ?? ''));
  members.set(label, change(members.get(label) as InnerList));
  return withHeaders(message, { 'signature-input': [serializeDictionary(members)] });
}

function withSignature(message: Message, label: string, change: (bytes: Buffer) => Buffer): Message {
  const bytes = change(Buffer.from(signatureOf(message, label).bytes));
  const members: Dictionary = new Map([
    ...parseDictionary(message.headers['signature']?.join(', ') ?? ''),
    [label, { item: { type: 'bytes', value: bytes }, parameters: new Map() }],
  ]);
  return withHeaders(message, { signature: [serializeDictionary(members)] });
}

/** The message with another value where a component comes from. */
function withChanged(message: Message, component: Component): Message {
  if (component.req && 'status' in message && message.request !== undefined) {
    return { ...message, request: withChanged(message.request, { ...component, req: false }) as RequestMessage };
  }
  if (!component.name.startsWith('@')) {
    const [first = '', ...rest] = message.headers[component.name] ?? [];
    return withHeaders(message, { [component.name]: [`${first.slice(0, -1)}~`, ...rest] });
  }
  if ('status' in message) return { ...message, status: message.status + 1 };
  const other = targetOf(originOf('http://attacker.example'), '/other?Pet=cat');
  return { ...message, method: 'PUT', target: other };
}

/** The DER form of an ECDSA signature in which neither integer is padded: well-formed, and not allowed. */
function der(signature: Buffer): Buffer {
  const integers = [signature.subarray(0, 32), signature.subarray(32)].map((half) => {
    const value = (half[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), half]) : half;
    return Buffer.concat([Buffer.of(2, value.length), value]);
  });
  const body = Buffer.concat(integers);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

describe('RFC 9421', () => {
  describe('component values', () => {
    for (const { section, message, scheme = 'https', values } of COMPONENTS) {
      for (const [identifier, expected] of Object.entries(values)) {
        it(`${section}: ${identifier} of "${message.split('\n')[0] ?? ''}"`, () => {
          const read = () =>
            componentValue(readMessage(message, { scheme }).message, readComponent(parseItem(identifier)), KNOWN);
          if (expected === undefined) expect(reasonOf(read)).to.be.a('string');
          else expect(read()).to.equal(expected);
        });
      }
    }

    it('2.2.5: takes the request target of CONNECT as it is', () => {
      const target = { ...targetOf(originOf('https://www.example.com'), '/'), requestTarget: 'www.example.com:80' };
      const message = { method: 'CONNECT', target, headers: {} };
      expect(componentValue(message, readComponent(parseItem('"@request-target"')), KNOWN)).to.equal(
        'www.example.com:80',
      );
    });
  });

  describe('signature bases', () => {
    for (const vector of VECTORS.filter(({ base }) => base !== undefined)) {
      it(`${vector.section}: is the printed one`, () => {
        const message = messageOf(vector);
        const signature = signatureOf(message, vector.label);
        const base = signatureBase(message, signature.coverage, parametersText(signature));
        expect(Buffer.from(base).toString('utf8')).to.equal(vector.base);
      });
    }
  });

  for (const vector of VECTORS) {
    const { label, section, scheme, valid } = vector;
    const key = SCHEME_KEYS[scheme];

    describe(section, () => {
      const message = messageOf(vector);
      const { coverage, parameters } = signatureOf(message, label);

      it(valid ? 'verifies' : 'does not verify', async () => {
        expect(await outcome(message, label, key)).to.equal(valid ? undefined : 'signature_mismatch');
      });

      it('has the digest of its content, where it has one', async () => {
        const lines = message.headers['content-digest'];
        if (lines !== undefined) await verifyContentDigest(lines, readMessage(vector.message).body);
      });

      if (!valid) return;

      for (const component of coverage.components) {
        it(`does not verify with another ${component.identifier}`, async () => {
          expect(await outcome(withChanged(message, component), label, key)).to.equal('signature_mismatch');
        });

        it(`does not verify without ${component.identifier} among what is covered`, async () => {
          const changed = withInput(message, label, ({ items, ...rest }) => ({
            ...rest,
            items: items.filter((_, index) => coverage.components[index] !== component),
          }));
          expect(await outcome(changed, label, key)).to.equal('signature_mismatch');
        });
      }

      if (coverage.components.length > 1) {
        it('does not verify with its components in another order', async () => {
          const changed = withInput(message, label, ({ items, ...rest }) => ({ ...rest, items: [...items].reverse() }));
          expect(await outcome(changed, label, key)).to.equal('signature_mismatch');
        });
      }

      it('does not verify with its parameters in another order (pitfall of sorting them)', async () => {
        expect(parameters.size).to.be.above(1);
        const changed = withInput(message, label, (input) => ({
          ...input,
          parameters: new Map([...input.parameters].reverse()),
        }));
        expect(await outcome(changed, label, key)).to.equal('signature_mismatch');
      });

      for (const name of parameters.keys()) {
        it(`does not verify without ${name}`, async () => {
          const changed = withInput(message, label, (input) => ({
            ...input,
            parameters: new Map([...input.parameters].filter(([other]) => other !== name)),
          }));
          expect(await outcome(changed, label, key)).to.equal('signature_mismatch');
        });
      }

      it('does not verify with a parameter more', async () => {
        const changed = withInput(message, label, (input) => ({
          ...input,
          parameters: new Map([...input.parameters, ['nonce', { type: 'string', value: 'other' }]]),
        }));
        expect(await outcome(changed, label, key)).to.equal('signature_mismatch');
      });

      it('verifies under another label', async () => {
        const headers = Object.fromEntries(
          ['signature', 'signature-input'].map((name) => {
            const members = Array.from(parseDictionary(message.headers[name]?.join(', ') ?? ''));
            const renamed = members.map(([old, member]) => [old === label ? 'renamed' : old, member] as const);
            return [name, [serializeDictionary(new Map(renamed))]];
          }),
        );
        expect(await outcome(withHeaders(message, headers), 'renamed', key)).to.equal(undefined);
      });

      it('verifies beside a signature that somebody added, which does not', async () => {
        const added = withHeaders(message, {
          'signature-input': [...(message.headers['signature-input'] ?? []), 'more=("x-none" "@none");created=1'],
          signature: [...(message.headers['signature'] ?? []), 'more=:AAAA:'],
        });
        expect(await outcome(added, label, key)).to.equal(undefined);
        expect(await rejectionOf(async () => verifyMessage(added, signatureOf(added, 'more'), key))).to.equal(
          'component_invalid',
        );
      });

      it('does not verify with another key', async () => {
        const other = scheme === 'ed25519' ? SCHEME_KEYS['ecdsa-p256-sha256'] : SCHEME_KEYS.ed25519;
        const reason = parameters.has('alg') ? 'algorithm_mismatch' : 'signature_mismatch';
        expect(await outcome(message, label, other)).to.equal(reason);
      });

      it('does not verify when the signature is cut off, longer, or not a bit is the same', async () => {
        const changes: ((bytes: Buffer) => Buffer)[] = [
          (bytes) => bytes.subarray(0, -1),
          (bytes) => bytes.subarray(1),
          (bytes) => Buffer.concat([bytes, Buffer.of(0)]),
          (bytes) => Buffer.concat([Buffer.of(0), bytes]),
          (bytes) => bytes.map((byte) => byte ^ 0xff) as Buffer,
          (bytes) => Buffer.alloc(bytes.length),
          () => Buffer.alloc(0),
        ];
        for (const change of changes) {
          const changed = withSignature(message, label, change);
          expect(await outcome(changed, label, key)).to.equal('signature_mismatch');
        }
      });

      if (scheme === 'ecdsa-p256-sha256') {
        it('does not verify when the signature is DER-encoded', async () => {
          expect(await outcome(withSignature(message, label, der), label, key)).to.equal('signature_mismatch');
        });
      }
    });
  }

  it('B.2.1: verifies, and says that it covers nothing', () => {
    const message = messageOf(VECTORS[0]!);
    const { coverage } = signatureOf(message, 'sig-b21');
    expect(coverage.components).to.deep.equal([]);
    expect([...coverage.names]).to.deep.equal([]);
  });

  it('2.4: says what is covered whole, and not what is covered of the request', () => {
    const vector = VECTORS.find(({ section }) => section === '2.4, response to an unsigned request')!;
    const { coverage } = signatureOf(messageOf(vector), 'reqres');
    expect([...coverage.names]).to.deep.equal(['@status', 'content-digest', 'content-type']);
    expect(coverage.components).to.have.length(7);
  });

  it('4.3: verifies both signatures of a proxied message in the context of each', async () => {
    const atOrigin = readRequest(VECTORS.find(({ section }) => section === '4.3, as signed by the proxy')!.message);
    const atProxy = {
      ...atOrigin.message,
      target: targetOf(originOf('https://example.com'), '/foo?param=Value&Pet=dog'),
    };
    expect(await outcome(atProxy, 'sig1', SCHEME_KEYS['ecdsa-p256-sha256'])).to.equal(undefined);
    expect(await outcome(atOrigin.message, 'sig1', SCHEME_KEYS['ecdsa-p256-sha256'])).to.equal('signature_mismatch');
    expect(await outcome(atOrigin.message, 'proxy_sig', SCHEME_KEYS['rsa-v1_5-sha256'])).to.equal(undefined);
  });
});
