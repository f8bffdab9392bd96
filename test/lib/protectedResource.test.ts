import type { AddressInfo } from 'node:net';
import http, { createServer, type RequestListener, type Server } from 'node:http';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import express from 'express';
import Koa from 'koa';
import request from 'supertest';
import { serveExpress } from '../../adapters/express.js';
import { serveKoa } from '../../adapters/koa.js';
import type { EndpointResponse } from '../../lib/endpoint.js';
import { protectedResource, type Endpoint, type ProtectedResourceOptions } from '../../lib/index.js';

const require = createRequire(import.meta.url);
const express4 = require('express4') as typeof express;
const Koa2 = require('koa2') as typeof Koa;

const ROOT = '/.well-known/oauth-protected-resource';
const BASE: ProtectedResourceOptions = {
  resource: 'https://mcp.example.com/mcp',
  authorizationServers: ['https://as.example.com'],
};

const PROOF_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'Ed25519', 'EdDSA', 'RS256', 'RS384', 'RS512'];

function get(endpoint: Endpoint, method = 'GET'): EndpointResponse {
  return endpoint.handle({ method, path: endpoint.paths[0]!, headers: {} }) as EndpointResponse;
}

function metadata(options: Partial<ProtectedResourceOptions> = {}): Record<string, unknown> {
  return JSON.parse(get(protectedResource({ ...BASE, ...options })).body) as Record<string, unknown>;
}

describe('protectedResource', () => {
  describe('the document', () => {
    it('has the members that were configured, and no empty ones', () => {
      expect(metadata()).to.deep.equal({
        resource: 'https://mcp.example.com/mcp',
        authorization_servers: ['https://as.example.com'],
        bearer_methods_supported: ['header'],
        dpop_signing_alg_values_supported: PROOF_ALGORITHMS,
      });
      expect(metadata({ scopes: [] })).to.not.have.property('scopes_supported');
    });

    it('has all members that can be configured', () => {
      const all = metadata({
        authorizationServers: ['https://as.example.com/', 'https://as.example.com/tenant'],
        scopes: ['mcp', 'files:read'],
        name: 'Files',
        documentation: 'https://docs.example.com/mcp#tokens',
        dpop: { mode: 'require', algorithms: ['ES256', 'EdDSA'], window: 60 },
      });
      expect(all).to.deep.equal({
        resource: 'https://mcp.example.com/mcp',
        authorization_servers: ['https://as.example.com/', 'https://as.example.com/tenant'],
        scopes_supported: ['mcp', 'files:read'],
        bearer_methods_supported: ['header'],
        dpop_signing_alg_values_supported: ['ES256', 'EdDSA'],
        dpop_bound_access_tokens_required: true,
        resource_name: 'Files',
        resource_documentation: 'https://docs.example.com/mcp#tokens',
      });
    });

    it('says of DPoP what authenticate does with the same option (RFC 9728 section 2)', () => {
      expect(metadata({ dpop: {} })).to.deep.equal(metadata());
      expect(metadata({ dpop: { mode: 'accept' } })).to.not.have.property('dpop_bound_access_tokens_required');
      expect(Object.keys(metadata({ dpop: { mode: 'off' } })).filter((name) => name.startsWith('dpop'))).to.deep.equal(
        [],
      );
      const misspelled = { mod: 'off' } as object;
      expect(() => metadata({ dpop: misspelled })).to.throw(
        TypeError,
        "protectedResource 'dpop': unknown option 'mod'",
      );
    });

    it('names the resource as it was written, with or without a trailing slash', () => {
      for (const resource of [
        'https://mcp.example.com',
        'https://mcp.example.com/',
        'https://mcp.example.com/mcp',
        'https://mcp.example.com/mcp/',
        'https://mcp.example.com:8443/a/b',
        'http://127.0.0.1:3000/mcp',
        'http://localhost:3000',
        'http://[::1]:3000/mcp',
      ]) {
        expect(metadata({ resource })['resource']).to.equal(resource);
      }
    });

    it('does not follow later changes of the options', () => {
      const scopes = ['mcp'];
      const endpoint = protectedResource({ ...BASE, scopes });
      scopes.push('admin');
      expect(JSON.parse(get(endpoint).body)).to.deep.include({ scopes_supported: ['mcp'] });
      expect(endpoint).to.be.frozen;
      expect(get(endpoint)).to.be.frozen;
    });
  });

  describe('the paths', () => {
    it('are the path form of RFC 9728 section 3.1, with and without a trailing slash, and the root form', () => {
      const table: readonly [string, readonly string[]][] = [
        ['https://h.example', [ROOT]],
        ['https://h.example/', [ROOT]],
        ['https://h.example/mcp', [`${ROOT}/mcp`, `${ROOT}/mcp/`, ROOT]],
        ['https://h.example/mcp/', [`${ROOT}/mcp`, `${ROOT}/mcp/`, ROOT]],
        ['https://h.example/a/b%20c', [`${ROOT}/a/b%20c`, `${ROOT}/a/b%20c/`, ROOT]],
        ['https://h.example/__proto__', [`${ROOT}/__proto__`, `${ROOT}/__proto__/`, ROOT]],
      ];
      for (const [resource, paths] of table) {
        expect(protectedResource({ ...BASE, resource }).paths, resource).to.deep.equal(paths);
      }
    });

    it('leave the root form to another resource when told so', () => {
      expect(protectedResource({ ...BASE, root: false }).paths).to.deep.equal([`${ROOT}/mcp`, `${ROOT}/mcp/`]);
    });

    it('let two resources share an origin, of which one has the root', () => {
      const a = protectedResource({ ...BASE, resource: 'https://mcp.example.com/a' });
      const b = { ...BASE, resource: 'https://mcp.example.com/b' };
      for (const serve of [serveExpress, serveKoa]) {
        expect(() => serve(a, protectedResource(b))).to.throw(TypeError, `two endpoints own the path '${ROOT}'`);
        expect(() => serve(a, protectedResource({ ...b, root: false }))).to.not.throw();
      }
    });
  });

  describe('the answers', () => {
    const endpoint = protectedResource(BASE);

    it('let any page read the document, and caches keep it', () => {
      for (const method of ['GET', 'HEAD']) {
        const { status, headers } = get(endpoint, method);
        expect(status).to.equal(200);
        expect(headers).to.include({ 'Content-Type': 'application/json', 'Access-Control-Allow-Origin': '*' });
        expect(headers['Cache-Control']).to.match(/^public, max-age=[1-9]\d*$/);
      }
    });

    it('let any page ask with the headers that MCP clients send', () => {
      const { status, headers, body } = get(endpoint, 'OPTIONS');
      expect({ status, body }).to.deep.equal({ status: 204, body: '' });
      expect(headers['Access-Control-Allow-Origin']).to.equal('*');
      expect(headers['Access-Control-Allow-Methods']).to.equal('GET, HEAD, OPTIONS');
      const allowed = headers['Access-Control-Allow-Headers']?.toLowerCase().split(', ');
      expect(allowed).to.include.members(['mcp-protocol-version', 'authorization', '*']);
    });

    it('deny every method that would write', () => {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'get', '', '__proto__']) {
        const { status, headers } = get(endpoint, method);
        expect({ method, status, allow: headers['Allow'] }).to.deep.equal({
          method,
          status: 405,
          allow: 'GET, HEAD, OPTIONS',
        });
      }
    });
  });

  it('is not built from wrong options', () => {
    const table: readonly [object, RegExp][] = [
      [{ resource: '/mcp' }, /'resource' must be an absolute URL/],
      [{ resource: 'http://mcp.example.com/mcp' }, /'resource' must be an https URL/],
      [{ resource: 'https://u:p@mcp.example.com/mcp' }, /'resource' must not carry user information/],
      [{ resource: 'https://mcp.example.com/mcp#a' }, /'resource' must not have a fragment/],
      [{ resource: 'https://mcp.example.com/mcp?a=1' }, /'resource' must not have a query/],
      [{ resource: 'https://mcp.example.com/mcp?' }, /'resource' must not have a query/],
      [{ resource: 'https://MCP.example.com/mcp' }, /write 'https:\/\/mcp\.example\.com\/mcp'/],
      [{ resource: 'https://mcp.example.com:443/mcp' }, /write 'https:\/\/mcp\.example\.com\/mcp'/],
      [{ resource: 'https://mcp.example.com/a/../mcp' }, /write 'https:\/\/mcp\.example\.com\/mcp'/],
      [{ resource: 'https://mcp.example.com/mcp//' }, /must be in canonical form/],
      [{ resource: undefined }, /'resource' must be an absolute URL/],
      [{ authorizationServers: [] }, /'authorizationServers' must have at least 1 element/],
      [{ authorizationServers: 'https://as.example.com' }, /'authorizationServers' must be an array/],
      [{ authorizationServers: ['as.example.com'] }, /'authorizationServers' \[0\] must be an absolute URL/],
      [{ authorizationServers: ['http://as.example.com'] }, /'authorizationServers' \[0\] must be an https URL/],
      [{ scopes: ['mcp', 'offline_access'] }, /'scopes' \[1\] must not be offline_access/],
      [{ scopes: ['files:read files:write'] }, /'scopes' \[0\] must be one scope/],
      [{ scopes: ['a"b'] }, /'scopes' \[0\] must be one scope/],
      [{ scopes: [''] }, /'scopes' \[0\] must be one scope/],
      [{ name: '' }, /'name' must be a non-empty string/],
      [{ documentation: 'javascript:alert(1)' }, /'documentation' must be the URL of a web page/],
      [{ root: 'yes' }, /'root' must be true or false/],
      [{ authorizationServer: 'https://as.example.com' }, /unknown option.*did you mean 'authorizationServers'/],
      [{ keys: {} }, /pass what openKeyStore/],
    ];
    for (const [wrong, message] of table) {
      expect(() => protectedResource({ ...BASE, ...wrong }), JSON.stringify(wrong)).to.throw(TypeError, message);
    }
  });
});

/** The document below a mount of each framework's own kind, beside a handler that answers everything else with 404. */
const served: Readonly<Record<string, (...endpoints: readonly Endpoint[]) => RequestListener>> = {
  'Express 5': (...endpoints) => expressListener(express, endpoints),
  'Express 4': (...endpoints) => expressListener(express4, endpoints),
  'Koa 3': (...endpoints) => koaListener(Koa, endpoints),
  'Koa 2': (...endpoints) => koaListener(Koa2, endpoints),
};

function expressListener(framework: typeof express, endpoints: readonly Endpoint[]): RequestListener {
  const app = framework();
  app.set('trust proxy', true);
  app.use('/.well-known', serveExpress(...endpoints));
  return app as RequestListener;
}

function koaListener(Framework: typeof Koa, endpoints: readonly Endpoint[]): RequestListener {
  const app = new Framework({ proxy: true });
  app.use(serveKoa(...endpoints));
  const handle = app.callback();
  return (req, res) => void handle(req, res);
}

for (const [name, listen] of Object.entries(served)) {
  describe(`protectedResource over ${name}`, () => {
    let server: Server;
    const resource = protectedResource({ ...BASE, scopes: ['mcp'] });
    const { body } = get(resource);

    before((done) => {
      const other = protectedResource({ ...BASE, resource: 'https://mcp.example.com/other', root: false });
      server = createServer(listen(resource, other)).listen(0, '127.0.0.1', done);
    });
    after((done) => {
      server.close(done);
      server.closeAllConnections();
    });

    it('stands at the path form and at the root form, whatever the query', async () => {
      for (const path of [`${ROOT}/mcp`, `${ROOT}/mcp/`, ROOT, `${ROOT}/mcp?a=/b`, `${ROOT}?`]) {
        const answer = await request(server).get(path);
        expect(answer.status, path).to.equal(200);
        expect(answer.text, path).to.equal(body);
        expect(answer.headers['content-type']).to.match(/^application\/json/);
        expect(answer.headers['access-control-allow-origin']).to.equal('*');
      }
    });

    it('tells two resources of one origin apart', async () => {
      const other = await request(server).get(`${ROOT}/other`);
      expect(other.body).to.include({ resource: 'https://mcp.example.com/other' });
    });

    it('leaves every other path alone', async () => {
      for (const path of [
        `${ROOT}/mcp/x`,
        `${ROOT}/MCP`,
        `${ROOT}/`,
        '/.well-known',
        '/mcp',
        `/x${ROOT}`,
        `${ROOT}%2fmcp`,
      ]) {
        expect((await request(server).get(path)).status, path).to.equal(404);
      }
    });

    it('is the same for whatever host a client or proxy names', async () => {
      const spoofed = {
        Host: 'evil.example',
        'X-Forwarded-Host': 'evil.example',
        'X-Forwarded-Proto': 'http',
        'X-Forwarded-Prefix': '/evil',
        Forwarded: 'host=evil.example;proto=http',
        'X-Original-URL': '/evil',
      };
      const answer = await request(server).get(`${ROOT}/mcp`).set(spoofed);
      expect(answer.text).to.equal(body);
      expect(JSON.stringify(answer.headers)).to.not.include('evil');
    });

    it('answers HEAD with the headers of GET and without a body', async () => {
      const [head, full] = await Promise.all([raw(server, 'HEAD'), raw(server, 'GET')]);
      expect(full.body).to.equal(body);
      expect(head).to.deep.include({ status: 200, body: '' });
      expect(head.headers['content-length']).to.equal(String(body.length));
      expect(head.headers['cache-control']).to.equal(full.headers['cache-control']);
    });

    it('answers a preflight without a body', async () => {
      const answer = await request(server)
        .options(`${ROOT}/mcp`)
        .set({ Origin: 'https://page.example', 'Access-Control-Request-Headers': 'mcp-protocol-version' });
      expect(answer.status).to.equal(204);
      expect(answer.text).to.equal('');
      expect(answer.headers['access-control-allow-headers']?.toLowerCase()).to.include('mcp-protocol-version');
      expect(answer.headers).to.not.have.any.keys('content-length', 'content-type');
    });

    it('denies to write', async () => {
      const answer = await request(server).post(`${ROOT}/mcp`).send({ resource: 'https://evil.example' });
      expect(answer.status).to.equal(405);
      expect(answer.headers['allow']).to.equal('GET, HEAD, OPTIONS');
    });
  });
}

interface Raw {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

function raw(server: Server, method: string): Promise<Raw> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const sent = http.request({ port, host: '127.0.0.1', method, path: `${ROOT}/mcp` }, (res) => {
      let body = '';
      res.on('data', (chunk: Buffer) => (body += chunk.toString()));
      res.on('end', () => {
        resolve({ status: res.statusCode, headers: res.headers, body });
      });
    });
    sent.on('error', reject).end();
  });
}

describe('protectedResource with keys', () => {
  const keys = {
    jwks: () => Promise.resolve({ keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'AA', d: 'secret', alg: 'Ed25519' }] }),
  };

  it('points to the key set, and serves its public members beside the document', async () => {
    const app = express().use(serveExpress(protectedResource({ ...BASE, keys })));
    const document = await request(app).get(`${ROOT}/mcp`);
    expect(document.body).to.include({ jwks_uri: 'https://mcp.example.com/.well-known/jwks.json' });
    const set = await request(app).get('/.well-known/jwks.json');
    expect(set.status).to.equal(200);
    expect(JSON.parse(set.text)).to.deep.equal({ keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'AA', alg: 'Ed25519' }] });
    expect(set.text).to.not.include('secret');
  });

  it('serves the key set where it is told to', async () => {
    const app = express().use(serveExpress(protectedResource({ ...BASE, keys, keysPath: '/keys.json' })));
    expect((await request(app).get(ROOT)).body).to.include({ jwks_uri: 'https://mcp.example.com/keys.json' });
    expect((await request(app).get('/keys.json')).status).to.equal(200);
    expect((await request(app).get('/.well-known/jwks.json')).status).to.equal(404);
  });

  it('does not build with keys that are none, or two key sets at one path', () => {
    expect(() => protectedResource({ ...BASE, keys: {} as never })).to.throw(TypeError, /openKeyStore/);
    const other = protectedResource({ ...BASE, resource: 'https://mcp.example.com/other', root: false, keys });
    expect(() => serveExpress(protectedResource({ ...BASE, keys }), other)).to.throw(
      TypeError,
      /two endpoints own the path/,
    );
  });
});
