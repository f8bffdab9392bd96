import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { FetchFailure, fetchJson, MAX_DOCUMENT_BYTES } from '../../lib/fetch.js';

const signal = (): AbortSignal => AbortSignal.timeout(10_000);

async function failure(work: Promise<unknown>): Promise<FetchFailure> {
  try {
    await work;
  } catch (error) {
    if (error instanceof FetchFailure) return error;
    throw error;
  }
  throw new Error('it was fetched');
}

describe('lib/fetch', () => {
  let server: Server;
  let base: string;
  let answer: RequestListener;
  let seen: string[];

  before((done) => {
    server = createServer((req, res) => {
      seen.push(`${req.method ?? ''} ${req.url ?? ''} ${req.headers.accept ?? ''} ${req.headers.cookie ?? '-'}`);
      answer(req, res);
    });
    server.listen(0, '127.0.0.1', () => {
      base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      done();
    });
  });
  after((done) => {
    server.close(done);
    server.closeAllConnections();
  });
  beforeEach(() => {
    seen = [];
  });

  it('reads one JSON document, and sends nothing but what it wants', async () => {
    answer = (_, res) => res.setHeader('Set-Cookie', 'a=b').end('{"keys":[]}');
    expect(await fetchJson(base, { fetch, signal: signal() })).to.deep.equal({ keys: [] });
    await fetchJson(base, { fetch, signal: signal() });
    expect(seen).to.deep.equal(['GET / application/json -', 'GET / application/json -']);
  });

  it('follows no redirect, to whatever address', async () => {
    for (const location of [`${base}/elsewhere`, 'http://169.254.169.254/latest/meta-data/']) {
      for (const status of [301, 302, 303, 307, 308]) {
        answer = (_, res) => res.writeHead(status, { Location: location }).end();
        await failure(fetchJson(base, { fetch, signal: signal() }));
      }
    }
    expect(new Set(seen)).to.deep.equal(new Set(['GET / application/json -']));
  });

  it('takes no answer that a fetch of its own got by a redirect', async () => {
    const followed: typeof fetch = () =>
      Promise.resolve(Object.defineProperty(Response.json({ keys: [] }), 'redirected', { value: true }));
    const { message } = await failure(fetchJson(base, { fetch: followed, signal: signal() }));
    expect(message).to.equal('answered by a redirect');
  });

  it('asks once more where a connection is closed without an answer, and not a third time', async () => {
    const closeFirst =
      (times: number): RequestListener =>
      (_, res) => {
        if (seen.length <= times) res.destroy();
        else res.end('{"keys":[]}');
      };
    answer = closeFirst(1);
    expect(await fetchJson(base, { fetch, signal: signal() })).to.deep.equal({ keys: [] });
    expect(seen).to.have.lengthOf(2);
    seen = [];
    answer = closeFirst(2);
    expect(await failure(fetchJson(base, { fetch, signal: signal() }))).to.have.property('message', 'no answer');
    expect(seen).to.have.lengthOf(2);
  });

  it('sends nothing twice that is posted, and asks for nothing again that was answered', async () => {
    answer = (_, res) => res.destroy();
    const post = { headers: {}, body: 'token=a' };
    expect(await failure(fetchJson(base, { fetch, signal: signal(), post }))).to.have.property('message', 'no answer');
    expect(seen).to.have.lengthOf(1);
    for (const status of [200, 404, 503]) {
      seen = [];
      answer = (_, res) => res.writeHead(status).end('no JSON');
      await failure(fetchJson(base, { fetch, signal: signal() }));
      expect(seen).to.have.lengthOf(1);
    }
  });

  it('names the status of an answer that is not 200', async () => {
    for (const status of [204, 206, 400, 404, 500, 503]) {
      answer = (_, res) => res.writeHead(status).end();
      expect((await failure(fetchJson(base, { fetch, signal: signal() }))).status).to.equal(status);
    }
  });

  it('fails on what is not JSON, or not UTF-8', async () => {
    for (const body of ['', '<html>', '{"keys":', Buffer.from('"\xff"', 'latin1')]) {
      answer = (_, res) => res.end(body);
      expect((await failure(fetchJson(base, { fetch, signal: signal() }))).message).to.equal('not JSON');
    }
  });

  it('reads up to 256 KiB, and no further into a body without end', async () => {
    const exactly = JSON.stringify('x'.repeat(MAX_DOCUMENT_BYTES - 2));
    answer = (_, res) => res.end(exactly);
    expect(await fetchJson(base, { fetch, signal: signal() })).to.have.length(MAX_DOCUMENT_BYTES - 2);
    answer = (_, res) => res.end(`${exactly} `);
    expect((await failure(fetchJson(base, { fetch, signal: signal() }))).message).to.equal('too large');
    let stopped: () => void;
    const gone = new Promise<void>((resolve) => (stopped = resolve));
    answer = (_, res) => {
      const more = (): void => {
        while (!res.destroyed && res.write('x'.repeat(65_536)));
      };
      res.on('drain', more).on('close', () => {
        stopped();
      });
      more();
    };
    expect((await failure(fetchJson(base, { fetch, signal: signal() }))).message).to.equal('too large');
    await gone;
  });

  it('waits no longer than its signal, even for a fetch that does not listen to it', async () => {
    answer = () => undefined;
    const late = await failure(fetchJson(base, { fetch, signal: AbortSignal.timeout(20) }));
    expect(late.message).to.equal('no answer in time');
    const deaf: typeof fetch = () => new Promise(() => undefined);
    const never = await failure(fetchJson(base, { fetch: deaf, signal: AbortSignal.timeout(20) }));
    expect(never.message).to.equal('no answer in time');
    await failure(fetchJson(base, { fetch: deaf, signal: AbortSignal.abort() }));
  });

  it('names no address in its message, and keeps the cause for the operator', async () => {
    const { message, cause } = await failure(fetchJson('http://127.0.0.1:9/', { fetch, signal: signal() }));
    expect(message).to.equal('no answer');
    expect(cause).to.be.instanceOf(Error);
  });
});
