// DNS rebinding over real sockets: a page made its own name point here, and its browser calls under that name.
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type OutgoingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect } from 'chai';
import { validateOrigin, type ValidateOriginOptions } from '../../lib/index.js';
import { frameworks } from '../support/frameworks.js';

const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

/** What a server listens on, and under which address and name it is called. */
const BINDS = [
  { bind: '127.0.0.1', address: '127.0.0.1', name: '127.0.0.1' },
  { bind: '127.0.0.1', address: '127.0.0.1', name: 'localhost' },
  { bind: '0.0.0.0', address: '127.0.0.1', name: '127.0.0.1' },
  { bind: '::1', address: '::1', name: '[::1]' },
  { bind: '::', address: '::1', name: '[::1]' },
  { bind: '::', address: '127.0.0.1', name: 'localhost' },
].filter(({ bind }) => hasIPv6 || !bind.includes(':'));

if (!hasIPv6) console.log('    (there is no IPv6 loopback: the binds that need it are left out)');

const METHODS = ['POST', 'GET', 'DELETE'];

for (const framework of ['Express 5', 'Koa 3']) {
  for (const { bind, address, name } of BINDS) {
    describe(`validateOrigin on ${framework}, listening on ${bind}, called as ${name}`, () => {
      let server: Server;
      let port: number;
      let reached: number;

      const start = async (options: Partial<ValidateOriginOptions> = {}): Promise<void> => {
        server = createServer().listen(0, bind);
        await once(server, 'listening');
        ({ port } = server.address() as AddressInfo);
        const check = validateOrigin({ resource: `http://${name}:${port}/mcp`, ...options });
        server.on(
          'request',
          frameworks[framework]!([[check]], (_req, res) => {
            reached += 1;
            res.end('{}');
          }),
        );
      };

      const send = async (method: string, headers: OutgoingHttpHeaders): Promise<number> => {
        const sent = request({ host: address, port, path: '/mcp', method, headers, agent: false }).end();
        const [response] = (await once(sent, 'response')) as [IncomingMessage];
        response.resume();
        await once(response, 'end');
        return response.statusCode ?? 0;
      };

      beforeEach(() => {
        reached = 0;
      });

      afterEach(async () => {
        server.close();
        server.closeAllConnections();
        await once(server, 'close');
      });

      // The check of the MCP conformance suite named dns-rebinding-protection: 4xx for the rebound name, 2xx for its own.
      it('denies a rebound name in Host and Origin, and serves its own', async () => {
        await start();
        for (const method of METHODS) {
          const rebound = { host: 'evil.example.com', origin: 'http://evil.example.com' };
          expect(await send(method, rebound), method).to.equal(403);
          expect(await send(method, { host: `evil.example.com:${port}` }), method).to.equal(403);
          expect(reached).to.equal(0);
        }
        for (const method of METHODS) {
          const own = `${name}:${port}`;
          expect(await send(method, { host: own, origin: `http://${own}` }), method).to.equal(200);
          expect(await send(method, { host: own }), method).to.equal(200);
        }
        expect(reached).to.equal(2 * METHODS.length);
      });

      it('denies the page of another port of this machine', async () => {
        await start();
        const own = `${name}:${port}`;
        expect(await send('POST', { host: own, origin: `http://${name}:${port + 1}` })).to.equal(403);
        expect(await send('POST', { host: own, origin: 'null' })).to.equal(403);
      });

      it('denies a rebound name under a public URL too, by Origin, and by Host where hosts are listed', async () => {
        await start({ resource: 'https://mcp.example.com/mcp' });
        expect(await send('POST', { host: 'evil.example.com', origin: 'http://evil.example.com' })).to.equal(403);
        expect(await send('POST', { host: 'mcp.example.com', origin: 'https://mcp.example.com' })).to.equal(200);
        server.close();
        await start({ resource: 'https://mcp.example.com/mcp', allowedHosts: ['mcp.example.com'] });
        expect(await send('GET', { host: 'evil.example.com' })).to.equal(403);
        expect(await send('GET', { host: 'mcp.example.com' })).to.equal(200);
      });
    });
  }
}
