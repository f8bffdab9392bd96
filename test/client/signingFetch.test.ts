import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { signingFetch, type SigningFetchOptions } from '../../client/index.js';
import { Unavailable } from '../../lib/denial.js';
import type { Signer } from '../../lib/index.js';
import { fakeSigner, type FakeSigner } from '../../lib/testing.js';

const resource = 'https://mcp.example.com/mcp';
const time = 1_800_000_000;
const json = { 'content-type': 'application/json' };
const text = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const bytes = new TextEncoder().encode(text);
const digestOf = (content: string | Uint8Array): string =>
  `sha-256=:${createHash('sha256').update(content).digest('base64')}:`;

interface Sent {
  readonly input: string | URL | Request;
  readonly init: RequestInit | undefined;
}

describe('signingFetch', () => {
  let signer: FakeSigner;
  const sent: Sent[] = [];
  const answering: typeof fetch = (input, init) => {
    sent.push({ input, init });
    return Promise.resolve(new Response('{}'));
  };

  before(async () => {
    signer = await fakeSigner();
  });

  beforeEach(() => {
    sent.length = 0;
  });

  const open = (more: Partial<SigningFetchOptions> = {}): typeof fetch =>
    signingFetch({ signer, resource, fetch: answering, now: () => new Date(time * 1000), ...more });
  const lastHeaders = (): Headers => new Headers(sent.at(-1)?.init?.headers);
  const inputOf = (headers = lastHeaders()): string => headers.get('signature-input') ?? '';
  const componentsOf = (headers = lastHeaders()): string[] =>
    (/\(([^)]*)\)/.exec(inputOf(headers))?.[1] ?? '').split(' ').map((one) => one.slice(1, -1));
  const nonceOf = (headers = lastHeaders()): string | undefined => /;nonce="([^"]+)"/.exec(inputOf(headers))?.[1];
  const failureOf = async (work: Promise<unknown>): Promise<Error> => {
    const error: unknown = await work.then(
      () => new Error('it did not fail'),
      (thrown: unknown) => thrown,
    );
    return error as Error;
  };

  describe('decides by the URL what is signed', () => {
    const endpoint = [
      resource,
      `${resource}?tenant=a`,
      `${resource}?`,
      `${resource}#part`,
      'HTTPS://MCP.example.COM:443/mcp',
      'https://mcp.example.com/other/../mcp',
    ];
    for (const url of endpoint) {
      it(`signs a request to ${url}`, async () => {
        for (const input of [url, new URL(url), new Request(url)]) {
          await open()(input);
          expect(lastHeaders().get('signature')).to.match(/^sig1=:[A-Za-z0-9+/=]+:$/);
        }
      });
    }

    const others = [
      'https://mcp.example.com/mcp/',
      'https://mcp.example.com/mcp/messages',
      'https://mcp.example.com/MCP',
      'https://mcp.example.com/m%63p',
      'https://mcp.example.com/',
      'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
      'http://mcp.example.com/mcp',
      'https://mcp.example.com:8443/mcp',
      'https://mcp.example.com.evil.example/mcp',
      'https://mcp.example.com@evil.example/mcp',
      'https://issuer.example/token?resource=https://mcp.example.com/mcp',
    ];
    for (const url of others) {
      it(`leaves a request to ${url} untouched`, async () => {
        const init = { method: 'POST', headers: json, body: new ReadableStream(), duplex: 'half' } as const;
        await open()(url, init);
        expect(sent[0]?.input).to.equal(url);
        expect(sent[0]?.init).to.equal(init);
        expect(init).to.deep.include({ method: 'POST', headers: { 'content-type': 'application/json' } });
      });
    }

    it('leaves a Request to somewhere else unread', async () => {
      const request = new Request('https://issuer.example/token', { method: 'POST', body: 'grant' });
      await open()(request);
      expect(sent[0]?.input).to.equal(request);
      expect(request.bodyUsed).to.equal(false);
      expect(request.headers.has('signature')).to.equal(false);
    });
  });

  describe('covers', () => {
    it('method and target of GET and DELETE, which have no content', async () => {
      for (const method of ['GET', 'DELETE', 'get', 'delete']) {
        await open()(resource, { method });
        expect(componentsOf()).to.deep.equal(['@method', '@target-uri']);
        expect(lastHeaders().has('content-digest')).to.equal(false);
        expect(sent.at(-1)?.init).to.deep.include({ method: method.toUpperCase() }).and.not.have.property('body');
      }
    });

    it('the content of a POST', async () => {
      await open()(resource, { method: 'POST', headers: json, body: text });
      expect(componentsOf()).to.deep.equal(['@method', '@target-uri', 'content-type', 'content-digest']);
      expect(lastHeaders().get('content-digest')).to.equal(digestOf(text));
    });

    it('the content of a POST that is empty', async () => {
      await open()(resource, { method: 'POST', headers: json });
      expect(lastHeaders().get('content-digest')).to.equal(digestOf(''));
    });

    it('every header of the profile that is there', async () => {
      const headers = {
        'last-event-id': '7',
        'mcp-session-id': 's',
        'mcp-param-b': '2',
        'mcp-param-a': '1',
        'mcp-name': 'read',
        'mcp-method': 'tools/call',
        'mcp-protocol-version': '2026-07-28',
        dpop: 'proof',
        authorization: 'Bearer token',
        accept: 'text/event-stream',
        'x-other': '1',
      };
      await open()(resource, { headers });
      expect(componentsOf()).to.deep.equal([
        '@method',
        '@target-uri',
        'authorization',
        'dpop',
        'mcp-protocol-version',
        'mcp-method',
        'mcp-name',
        'mcp-session-id',
        'last-event-id',
        'mcp-param-a',
        'mcp-param-b',
      ]);
      expect(Object.fromEntries(lastHeaders())).to.deep.include(headers);
    });
  });

  it('says when, by which key, for what, and for how long, and never the algorithm', async () => {
    await open()(resource);
    expect(inputOf()).to.match(
      new RegExp(
        `^sig1=\\("@method" "@target-uri"\\);created=${time};expires=${time + 60};nonce="[A-Za-z0-9_-]{22}";keyid="${signer.keyId}";tag="mcp-etdi"$`,
      ),
    );
    await open({ lifetime: 300 })(resource);
    expect(inputOf()).to.include(`;expires=${time + 300};`);
  });

  it('gives every attempt a signature of its own, for the same arguments too', async () => {
    const send = open();
    const init = { method: 'POST', headers: { ...json }, body: text };
    const nonces = new Set<string | undefined>();
    for (let attempt = 0; attempt < 50; attempt += 1) {
      await send(resource, init);
      nonces.add(nonceOf());
    }
    expect(nonces.size).to.equal(50);
    expect(init.headers, 'the headers of the caller').to.deep.equal(json);
  });

  it('takes nonce and time from where it is told to', async () => {
    const newNonce = (): string => 'n'.repeat(22);
    await open({ newNonce, now: () => new Date(1_000_999) })(resource);
    expect(inputOf()).to.include(`;created=1000;expires=1060;nonce="${newNonce()}";`);
  });

  it('follows a signer that changes its key', async () => {
    const second = await fakeSigner('Ed25519');
    let current: Signer = signer;
    const send = open({ signer: { current: () => current.current() } });
    await send(resource);
    expect(inputOf()).to.include(`keyid="${signer.keyId}"`);
    current = second;
    await send(resource);
    expect(inputOf()).to.include(`keyid="${second.keyId}"`);
  });

  describe('takes the arguments of fetch', () => {
    const signed = { authorization: 'Bearer token', ...json };
    const forms: Readonly<Record<string, RequestInit['headers']>> = {
      'a record': signed,
      'a list of pairs': Object.entries(signed),
      Headers: new Headers(signed),
    };
    for (const [form, headers] of Object.entries(forms)) {
      it(`headers as ${form}`, async () => {
        await open()(resource, { method: 'POST', headers: headers!, body: text });
        expect(componentsOf()).to.include.members(['authorization', 'content-type']);
        expect(lastHeaders().get('authorization')).to.equal('Bearer token');
      });
    }

    it('a header in two lines as the one value that is sent', async () => {
      await open()(resource, {
        headers: [
          ['mcp-param-a', '1'],
          ['mcp-param-a', '2'],
        ],
      });
      expect(lastHeaders().get('mcp-param-a')).to.equal('1, 2');
      expect(componentsOf()).to.include('mcp-param-a');
    });

    it('a Request, with everything in it', async () => {
      const abort = new AbortController();
      const request = new Request(resource, {
        method: 'POST',
        headers: signed,
        body: text,
        redirect: 'error',
        signal: abort.signal,
      });
      await open()(request);
      const { input, init } = sent[0]!;
      expect(input).to.deep.equal(new URL(resource));
      expect(init).to.deep.include({ method: 'POST', redirect: 'error', body: bytes });
      expect(lastHeaders().get('content-digest')).to.equal(digestOf(text));
      expect(componentsOf()).to.include('authorization');
      expect(init?.signal?.aborted).to.equal(false);
      abort.abort();
      expect(init?.signal?.aborted).to.equal(true);
    });

    it('a Request with other parts beside it, which count', async () => {
      const request = new Request(resource, { method: 'POST', headers: signed, body: text });
      await open()(request, { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: 'other' });
      expect(sent[0]?.init).to.deep.include({ method: 'PUT', body: 'other' });
      expect(lastHeaders().get('content-digest')).to.equal(digestOf('other'));
      expect(lastHeaders().has('authorization')).to.equal(false);
    });

    it('an abort signal, which it passes on', async () => {
      const { signal } = new AbortController();
      await open()(resource, { signal });
      expect(sent[0]?.init?.signal).to.equal(signal);
    });

    it('what else a fetch may take, which it passes on', async () => {
      const init = { keepalive: true, dispatcher: {} } as unknown as RequestInit;
      await open()(resource, init);
      expect(sent[0]?.init).to.deep.include(init);
    });
  });

  describe('takes the digest of the bytes that are sent', () => {
    const umlaut = '{"name":"\u00fc\u{1f600}"}';
    const inside = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('after')]);
    const bodies: Readonly<Record<string, () => [RequestInit['body'], Uint8Array]>> = {
      'a string': () => [text, bytes],
      'an empty string': () => ['', new Uint8Array()],
      'a string beyond ASCII': () => [umlaut, Buffer.from(umlaut)],
      'a string with half a character': () => ['\ud83d', Buffer.from('\ufffd')],
      bytes: () => [bytes, bytes],
      'a part of a buffer': () => [inside.subarray(6, 6 + bytes.length), bytes],
      'an ArrayBuffer': () => [bytes.slice().buffer, bytes],
      'a DataView': () => [new DataView(bytes.slice().buffer), bytes],
      'a Blob': () => [new Blob([bytes]), bytes],
      URLSearchParams: () => [new URLSearchParams({ a: '1 2' }), Buffer.from('a=1+2')],
    };
    for (const [form, make] of Object.entries(bodies)) {
      it(`for ${form}`, async () => {
        const [body, expected] = make();
        await open()(resource, { method: 'POST', headers: json, body: body! });
        expect(lastHeaders().get('content-digest')).to.equal(digestOf(expected));
        const arrived = new Uint8Array(await new Response(sent[0]?.init?.body).arrayBuffer());
        expect(arrived).to.deep.equal(new Uint8Array(expected));
      });
    }

    it('for FormData, of which each writing would be another', async () => {
      const body = new FormData();
      body.set('a', '1');
      await open()(resource, { method: 'POST', body });
      const arrived = new Uint8Array(await new Response(sent[0]?.init?.body).arrayBuffer());
      expect(lastHeaders().get('content-digest')).to.equal(digestOf(arrived));
      expect(new TextDecoder().decode(arrived)).to.include(
        /boundary=(.+)$/.exec(lastHeaders().get('content-type') ?? '')?.[1],
      );
    });

    it('and signs bytes that the caller changes meanwhile as they were', async () => {
      const body = bytes.slice();
      const sending = open()(resource, { method: 'POST', headers: json, body });
      body.fill(0);
      await sending;
      expect(lastHeaders().get('content-digest')).to.equal(digestOf(bytes));
      expect(sent[0]?.init?.body).to.deep.equal(bytes);
    });

    it('and says the content type that goes without saying', async () => {
      const cases: [RequestInit['body'], string][] = [
        ['text', 'text/plain;charset=UTF-8'],
        [new URLSearchParams(), 'application/x-www-form-urlencoded;charset=UTF-8'],
        [new Blob(['{}'], { type: 'application/json' }), 'application/json'],
      ];
      for (const [body, type] of cases) {
        await open()(resource, { method: 'POST', body: body! });
        expect(lastHeaders().get('content-type')).to.equal(type);
        expect(componentsOf()).to.include('content-type');
      }
    });
  });

  it('replaces a signature and a digest that are there', async () => {
    const headers = { ...json, signature: 'sig1=:AA==:', 'signature-input': 'sig1=()', 'content-digest': 'md5=:AA==:' };
    await open()(resource, { method: 'POST', headers, body: text });
    expect(inputOf()).to.include(`keyid="${signer.keyId}"`);
    expect(lastHeaders().get('signature')).not.to.include('AA==:');
    expect(lastHeaders().get('content-digest')).to.equal(digestOf(text));
  });

  it('follows no redirect, to which the signature would not belong', async () => {
    const asked = [undefined, 'follow', 'manual', 'error'] as const;
    for (const redirect of asked) await open()(resource, redirect === undefined ? {} : { redirect });
    expect(sent.map(({ init }) => init?.redirect)).to.deep.equal(['manual', 'manual', 'manual', 'error']);
  });

  describe('sends nothing', () => {
    let asked = 0;
    const counting: Signer = {
      current: () => {
        asked += 1;
        return signer.current();
      },
    };

    beforeEach(() => {
      asked = 0;
    });

    afterEach(() => {
      expect(sent).to.deep.equal([]);
    });

    const streams: Readonly<Record<string, () => unknown>> = {
      'a ReadableStream': () => new ReadableStream(),
      'a stream of Node': () => Readable.from(['{}']),
      'a generator': async function* () {
        yield await Promise.resolve(bytes);
      },
    };
    for (const [name, make] of Object.entries(streams)) {
      it(`when the body is ${name}`, async () => {
        const body = make() as RequestInit['body'];
        const init = { method: 'POST', headers: json, body: body!, duplex: 'half' } as const;
        const error = await failureOf(open({ signer: counting })(resource, init));
        expect(error).to.be.instanceOf(TypeError);
        expect(error.message).to.match(/must not be a stream/);
        expect(asked).to.equal(0);
      });
    }

    it('when content has no type', async () => {
      for (const body of [bytes, undefined]) {
        const error = await failureOf(open()(resource, { method: 'POST', ...(body === undefined ? {} : { body }) }));
        expect(error).to.be.instanceOf(TypeError);
        expect(error.message).to.match(/needs a Content-Type/);
      }
    });

    it('when a covered header is not ASCII', async () => {
      for (const name of ['authorization', 'mcp-name', 'mcp-param-city']) {
        const error = await failureOf(open()(resource, { headers: { [name]: 'Z\u00fcrich' } }));
        expect(error).to.be.instanceOf(TypeError);
        expect(error.message)
          .to.match(/covered headers .* ASCII/)
          .and.not.include('rich');
      }
    });

    it('when there is more to cover than a signature can', async () => {
      const headers = Object.fromEntries(Array.from({ length: 31 }, (_, index) => [`mcp-param-${index}`, '1']));
      expect(await failureOf(open()(resource, { headers }))).to.be.instanceOf(TypeError);
    });

    it('when a nonce could be guessed or not be written', async () => {
      for (const nonce of ['', 'a'.repeat(21), 'a'.repeat(257), `${'a'.repeat(22)}"`, undefined as unknown as string]) {
        const error = await failureOf(open({ newNonce: () => nonce })(resource));
        expect(error).to.be.instanceOf(TypeError);
        expect(error.message).to.match(/'newNonce'/);
      }
    });

    it('when the keys are out of reach', async () => {
      const outage = new Unavailable('The signing keys are unavailable');
      expect(await failureOf(open({ signer: { current: () => Promise.reject(outage) } })(resource))).to.equal(outage);
      const key = { ...(await signer.current()), sign: () => Promise.reject(outage) };
      expect(await failureOf(open({ signer: { current: () => Promise.resolve(key) } })(resource))).to.equal(outage);
    });

    it('when fetch itself would not', async () => {
      expect(await failureOf(open()(resource, { body: text }))).to.be.instanceOf(TypeError);
      expect(await failureOf(open()('no url'))).to.be.instanceOf(TypeError);
    });
  });

  it('sends a header beyond ASCII that is not covered', async () => {
    await open()(resource, { headers: { 'x-city': 'Z\u00fcrich' } });
    expect(lastHeaders().get('x-city')).to.equal('Z\u00fcrich');
  });

  it('does not build with options that sign nothing', () => {
    const wrong: [object, RegExp][] = [
      [{ signer: undefined }, /'signer' must be a signer, such as keyStore\.signer\('request'\)/],
      [{ signer: { jwks: () => undefined } }, /'signer'/],
      [{ resource: undefined }, /'resource'/],
      [{ resource: '/mcp' }, /'resource' must be an absolute URL/],
      [{ resource: 'http://mcp.example.com/mcp' }, /https/],
      [{ resource: `${resource}#a` }, /fragment/],
      [{ lifetime: 0 }, /'lifetime'/],
      [{ lifetime: 301 }, /'lifetime'/],
      [{ lifetime: 1.5 }, /'lifetime'/],
      [{ fetch: 'node-fetch' }, /'fetch'/],
      [{ now: 0 }, /'now'/],
      [{ newNonce: 'n' }, /'newNonce'/],
      [{ ressource: resource }, /unknown option 'ressource'; did you mean 'resource'\?/],
      [{ keyId: 'k' }, /unknown option 'keyId'/],
    ];
    for (const [more, message] of wrong) {
      expect(() => open(more), message.source).to.throw(TypeError, message);
    }
  });
});
