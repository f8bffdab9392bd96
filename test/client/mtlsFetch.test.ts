import { hash, X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import Module from 'node:module';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { mtlsFetch, type MtlsFetch, type MtlsFetchOptions } from '../../client/index.js';
import { certificateAuthority, type Authority, type Issued } from '../support/certificates.js';
import { serveTls, type SecureServer } from '../support/secureServer.js';

const OTHER_KEY = `${'A'.repeat(43)}=`;
const SERVER = 'spiffe://example.org/server';

describe('mtlsFetch', () => {
  let authority: Authority;
  let mine: Issued;
  let server: SecureServer;
  let seen: {
    method: string | undefined;
    body: string;
    peer: boolean;
    headers: Record<string, unknown>;
    reused: boolean;
    port: number | undefined;
  }[];
  const open: MtlsFetch[] = [];

  before(async () => {
    authority = await certificateAuthority();
    mine = await authority.issue([{ type: 'url', value: 'spiffe://example.org/client' }]);
    server = await serveTls(
      authority,
      (req, res) => {
        let body = '';
        req.on('data', (chunk: Buffer) => (body += chunk.toString()));
        req.on('end', () => {
          const socket = req.socket as unknown as Pick<TLSSocket, 'getPeerX509Certificate' | 'isSessionReused'>;
          const peer = socket.getPeerX509Certificate() !== undefined;
          const reused = socket.isSessionReused();
          const { remotePort: port } = req.socket;
          seen.push({ method: req.method, body, peer, headers: req.headers, reused, port });
          if (req.url === '/once') res.setHeader('connection', 'close');
          if (req.url === '/away') res.writeHead(307, { location: `${server.origin}/elsewhere` });
          res.end('done');
        });
      },
      { rejectUnauthorized: true },
    );
  });
  after(() => server.close());
  beforeEach(() => (seen = []));
  afterEach(() => Promise.all(open.splice(0).map((one) => one.close())));

  const client = (options: Partial<MtlsFetchOptions> = {}): MtlsFetch => {
    const { cert, key } = mine;
    const one = mtlsFetch({ cert, key, ca: authority.ca, servers: [{ url: `${server.origin}/mcp` }], ...options });
    open.push(one);
    return one;
  };

  it('shows its certificate to the servers that it lists, in whatever form it is called', async () => {
    const send = client();
    const url = `${server.origin}/mcp`;
    const answers = [
      await send(url),
      await send(new URL(url), { method: 'POST', body: 'text', headers: { 'x-a': '1' } }),
      await send(new Request(url, { method: 'PUT', body: 'request' })),
    ];
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 200]);
    expect(await answers[1]?.text()).to.equal('done');
    expect(seen.map(({ method, body, peer }) => [method, body, peer])).to.deep.equal([
      ['GET', '', true],
      ['POST', 'text', true],
      ['PUT', 'request', true],
    ]);
    expect(seen[1]?.headers).to.include({ 'x-a': '1', 'content-type': 'text/plain;charset=UTF-8' });
  });

  it('hands what goes elsewhere to the other fetch, without a certificate', async () => {
    const passed: unknown[] = [];
    const other: typeof fetch = (input) => {
      passed.push(input);
      return Promise.resolve(new Response('other'));
    };
    const send = client({ fetch: other });
    const near = server.origin.replace('localhost', '127.0.0.1');
    for (const url of ['https://elsewhere.example/', near, server.origin.replace('https', 'http')])
      expect(await (await send(url)).text()).to.equal('other');
    expect(passed).to.have.lengthOf(3);
    expect(seen).to.deep.equal([]);
  });

  it('resumes no session, of which nobody would ask again whose it is', async () => {
    const send = client();
    for (let round = 0; round < 3; round += 1) {
      const answer = await send(`${server.origin}/once`);
      expect(await answer.text()).to.equal('done');
    }
    expect(seen.map(({ port }) => port)).to.have.lengthOf(3);
    expect(new Set(seen.map(({ port }) => port)).size).to.equal(3);
    expect(seen.map(({ reused }) => reused)).to.deep.equal([false, false, false]);
  });

  it('follows no redirect', async () => {
    const answer = await client()(`${server.origin}/away`);
    expect(answer.status).to.equal(307);
    expect(seen).to.have.lengthOf(1);
  });

  it('sends nothing to a server that is not who it should be, however often it tries', async () => {
    const stranger = await certificateAuthority('Stranger');
    const bad: readonly Partial<MtlsFetchOptions>[] = [
      { ca: stranger.ca },
      { servers: [{ url: server.origin, uri: `${SERVER}/` }] },
      { servers: [{ url: server.origin, uri: 'localhost' }] },
      { servers: [{ url: server.origin, dns: 'other.example' }] },
      { servers: [{ url: server.origin, spki: [OTHER_KEY] }] },
      { servers: [{ url: server.origin, uri: SERVER, spki: [OTHER_KEY] }] },
    ];
    for (const options of bad) {
      const send = client(options);
      for (let tries = 0; tries < 3; tries += 1) {
        const error: unknown = await send(`${server.origin}/mcp`, { method: 'POST', body: 'secret' }).catch(
          (one: unknown) => one,
        );
        expect(error).to.be.instanceOf(TypeError);
      }
    }
    expect(seen).to.deep.equal([]);
  });

  it('does not ask an environment variable whom it may trust', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      const stranger = await certificateAuthority('Stranger');
      for (const options of [{ ca: stranger.ca }, { servers: [{ url: server.origin, spki: [OTHER_KEY] }] }]) {
        const error: unknown = await client(options)(server.origin).catch((thrown: unknown) => thrown);
        expect(error).to.be.instanceOf(TypeError);
      }
      expect((await client()(server.origin)).status).to.equal(200);
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
    expect(seen).to.have.lengthOf(1);
  });

  it('knows a server by its host name, by another name, and by its key', async () => {
    const pinned = await pinOf(server.origin, authority.ca, mine);
    const good: readonly MtlsFetchOptions['servers'][] = [
      [{ url: server.origin }],
      [{ url: server.origin, uri: SERVER }],
      [{ url: server.origin, dns: 'LOCALHOST' }],
      [{ url: server.origin, spki: [OTHER_KEY, pinned] }],
      [{ url: server.origin, uri: SERVER, spki: [pinned] }],
    ];
    for (const servers of good) expect((await client({ servers })(server.origin)).status).to.equal(200);
  });

  it('takes several URLs of one server that say the same of it, and holds them all to it', async () => {
    const spki = [OTHER_KEY, await pinOf(server.origin, authority.ca, mine)];
    const good = client({
      servers: [
        { url: `${server.origin}/mcp`, uri: SERVER, spki },
        { url: `${server.origin}/token`, uri: SERVER, spki: [...spki].reverse() },
      ],
    });
    expect((await good(`${server.origin}/token`)).status).to.equal(200);
    const one = { uri: SERVER, spki: [OTHER_KEY] };
    const bad = client({ servers: ['/mcp', '/token'].map((path) => ({ url: server.origin + path, ...one })) });
    for (const path of ['/mcp', '/token']) {
      const error: unknown = await bad(server.origin + path).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(TypeError);
    }
  });

  it('is not built from what cannot work', async () => {
    const other = await authority.issue([]);
    const bad: readonly (readonly [Partial<MtlsFetchOptions>, RegExp])[] = [
      [{ key: other.key }, /is the key that of the certificate\?/],
      [{ cert: 'no PEM' }, /'cert' must be in PEM form/],
      [{ ca: [] }, /'ca' must have at least 1 element/],
      [{ servers: [] }, /'servers' must have at least 1 element/],
      [{ servers: [{ url: 'http://localhost/' }] }, /'url' must be an https URL/],
      [{ servers: [{ url: 'https://a.example', uri: 'a:b', dns: 'c' }] }, /either 'uri' or 'dns'/],
      [{ servers: [{ url: 'https://a.example', spki: ['x'] }] }, /'spki' \[0\] must be SHA-256 in base64/],
      [{ server: [] } as object, /unknown option 'server'; did you mean 'servers'\?/],
      ...[{ uri: SERVER }, { dns: 'localhost' }, { spki: [OTHER_KEY] }].map(
        (identity) =>
          [
            { servers: [{ url: `${server.origin}/mcp`, ...identity }, { url: `${server.origin}/token` }] },
            /'servers' says twice who 'https:\/\/localhost:\d+' is, and not the same both times; list it once, or/,
          ] as const,
      ),
    ];
    for (const [options, message] of bad) expect(() => client(options)).to.throw(TypeError, message);
  });

  it('says what a plain http server is: none of those it lists', async () => {
    const plain: Server = createServer((_req, res) => res.end('plain')).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const url = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/`;
    expect(await (await client()(url)).text()).to.equal('plain');
    plain.close();
    plain.closeAllConnections();
  });
  it('says when it is built that undici is not installed', () => {
    const loader = Module as unknown as { _resolveFilename: (name: string, ...rest: unknown[]) => string };
    const { _resolveFilename: find } = loader;
    loader._resolveFilename = (name, ...rest) => {
      if (name === 'undici') throw new Error("Cannot find module 'undici'");
      return find.call(Module, name, ...rest);
    };
    try {
      const { cert, key } = mine;
      const make = (): unknown => mtlsFetch({ cert, key, servers: [{ url: 'https://mcp.example.com' }] });
      expect(make).to.throw(TypeError, /install the package 'undici'/);
    } finally {
      loader._resolveFilename = find;
    }
  });
});

/** The pin of the key that a server shows. */
async function pinOf(origin: string, ca: string, { cert, key }: Issued): Promise<string> {
  const socket = connect({
    port: Number(new URL(origin).port),
    host: '127.0.0.1',
    servername: 'localhost',
    ca,
    cert,
    key,
  });
  await once(socket, 'secureConnect');
  const { publicKey } = new X509Certificate(socket.getPeerCertificate().raw);
  socket.destroy();
  return hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'base64');
}
