import { expect } from 'chai';
import { signingFetch } from '../../client/index.js';
import { ALGORITHMS, type KeyAlgorithm } from '../../lib/keys/algorithms.js';
import { contextOf, verifySignature } from '../../lib/index.js';
import { fakeSigner, type FakeSigner } from '../../lib/testing.js';
import { listen, type Loopback } from '../../examples/support/loopback.js';
import { frameworks } from '../support/frameworks.js';

const owner = 'https://agent.example.com';
const json = { 'content-type': 'application/json' };
const message = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

interface Proven {
  readonly keyId: string;
  readonly algorithm: string;
  readonly components: readonly string[];
}

describe('signingFetch over HTTP', () => {
  const signers = new Map<KeyAlgorithm, FakeSigner>();
  const servers: Loopback[] = [];
  let server: Loopback;
  let resource: string;
  let send: typeof fetch;

  const open = (algorithm: KeyAlgorithm = 'ES256'): typeof fetch =>
    signingFetch({ signer: signers.get(algorithm)!, resource });
  const proven = async (response: Response): Promise<Proven> => {
    expect(response.status).to.equal(200);
    return (await response.json()) as Proven;
  };

  before(async () => {
    for (const algorithm of ALGORITHMS) signers.set(algorithm, await fakeSigner(algorithm));
    servers.push((server = await listen(0)));
    resource = `${server.origin}/mcp`;
    const keys = [...signers.values()].map(({ jwks }, index) => ({ owner: `${owner}/${index}`, jwks }));
    const mcp = frameworks['Express 5']!([[verifySignature({ keys, resource, mode: 'all' })]], (req, res) => {
      res.end(JSON.stringify(contextOf(req, 'signature').state.signature));
    });
    server.serve((req, res) => {
      if (req.url === '/elsewhere') res.writeHead(200).end(JSON.stringify(req.headers));
      else if (req.headers['x-redirect'] === undefined) mcp(req, res);
      else res.writeHead(307, { Location: '/elsewhere' }).end();
    });
    send = open();
  });

  after(() => Promise.all(servers.map(({ close }) => close())));

  for (const algorithm of ALGORITHMS) {
    it(`proves who sent a request with a key for ${algorithm}`, async () => {
      const response = await open(algorithm)(resource, { method: 'POST', headers: json, body: message });
      expect(await proven(response)).to.deep.include({ algorithm, keyId: signers.get(algorithm)?.keyId });
    });
  }

  it('proves requests without content, whatever their query', async () => {
    for (const method of ['GET', 'DELETE', 'OPTIONS']) {
      for (const url of [resource, `${resource}?`, `${resource}?a=1&b=%2F%20`, new URL(`${resource}?q=\u00fc#part`)]) {
        expect((await proven(await send(url, { method }))).components).to.deep.equal(['@method', '@target-uri']);
      }
    }
    expect((await send(resource, { method: 'HEAD' })).status).to.equal(200);
  });

  it('proves content in every form that has a length', async () => {
    const bytes = new TextEncoder().encode(message);
    for (const body of [
      message,
      bytes,
      bytes.buffer,
      new Blob([bytes]),
      new Request(resource, { method: 'POST', body: message }),
    ]) {
      const init = { method: 'POST', headers: json };
      const sending = body instanceof Request ? send(body, { headers: json }) : send(resource, { ...init, body });
      expect((await proven(await sending)).components).to.include('content-digest');
    }
  });

  it('proves a DELETE with an empty body; content in one is denied, signed or not', async () => {
    const full = await send(resource, { method: 'DELETE', headers: json, body: message });
    expect([full.status, await full.text()].join()).to.match(/^400,.*content_unexpected/);
    expect((await send(resource, { method: 'DELETE', headers: json, body: '' })).status).to.equal(200);
  });

  it('proves what an unmodified fetch cannot', async () => {
    expect((await fetch(resource, { method: 'POST', headers: json, body: message })).status).to.equal(401);
    expect((await fetch(resource)).status).to.equal(401);
  });

  it('proves 60 requests at once, each by itself', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => send(resource, { method: 'POST', headers: json, body: message })),
    );
    expect(answers.filter(({ status }) => status === 200)).to.have.lengthOf(60);
    await Promise.all(answers.map((one) => one.text()));
  });

  it('does not carry a signature to where a redirect points', async () => {
    const answer = await send(resource, { method: 'POST', headers: { ...json, 'x-redirect': '1' }, body: message });
    expect(answer.status).to.equal(307);
    const direct = await send(`${server.origin}/elsewhere`, { headers: { 'x-redirect': '1' } });
    expect(await direct.json()).to.not.have.any.keys('signature', 'signature-input');
  });

  it('ends when it is told to', async () => {
    const stopped = await send(resource, { signal: AbortSignal.abort() }).catch((error: unknown) => error);
    expect(stopped).to.have.property('name', 'AbortError');
    const silent = await listen(0);
    servers.push(silent);
    const arrived = new Promise<void>((resolve) => {
      silent.serve(() => {
        resolve();
      });
    });
    const abort = new AbortController();
    const url = `${silent.origin}/mcp`;
    const waiting = signingFetch({ signer: signers.get('ES256')!, resource: url })(
      new Request(url, { signal: abort.signal }),
    );
    await arrived;
    abort.abort();
    expect(await waiting.catch((error: unknown) => error)).to.have.property('name', 'AbortError');
  });
});
