import { createServer, type Server } from 'node:http';
import { expect } from 'chai';
import express from 'express';
import Koa from 'koa';
import request from 'supertest';
import { serveExpress } from '../../../adapters/express.js';
import { serveKoa } from '../../../adapters/koa.js';
import { Unavailable } from '../../../lib/denial.js';
import type { EndpointResponse } from '../../../lib/endpoint.js';
import { externalSigner } from '../../../lib/keys/externalSigner.js';
import { generateKey } from '../../../lib/keys/generateKey.js';
import { jwksEndpoint, type PublishedKeys } from '../../../lib/keys/jwksEndpoint.js';
import { sandboxed } from './support/store.js';

const sandbox = sandboxed();

async function get(source: PublishedKeys | PublishedKeys[], headers = {}, method = 'GET'): Promise<EndpointResponse> {
  return jwksEndpoint(source).handle({ method, path: '/.well-known/jwks.json', headers });
}

describe('jwksEndpoint', () => {
  it('publishes the keys of a store', async () => {
    const store = await sandbox().open();
    const { keyId } = await store.generate('request');
    const { status, headers, body } = await get(store);
    expect(status).to.equal(200);
    expect(headers).to.include({
      'Content-Type': 'application/jwk-set+json',
      'Cache-Control': 'public, max-age=300',
      'Access-Control-Allow-Origin': '*',
    });
    const { keys } = JSON.parse(body) as { keys: Record<string, unknown>[] };
    expect(keys).to.have.length(1);
    const stated = { kid: keyId, alg: 'ES256', use: 'sig', 'io.github.mcp-etdi/purpose': 'request' };
    expect(keys[0])
      .to.have.all.keys('kty', 'crv', 'x', 'y', ...Object.keys(stated))
      .and.to.include(stated);
  });

  it('follows rotation and revocation', async () => {
    const store = await sandbox().open();
    const { keyId: old } = await store.generate('request');
    const idsOf = async (): Promise<string[]> =>
      (JSON.parse((await get(store)).body) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
    const [next] = await store.rotate('request');
    expect(await idsOf()).to.deep.equal([old, next!.keyId]);
    await store.revoke(old);
    expect(await idsOf()).to.deep.equal([next!.keyId]);
  });

  it('may be cached for less than a key is published before it signs', async () => {
    const store = await sandbox().open({ publishFor: { request: 101, audit: 5000 } });
    expect((await get(store)).headers['Cache-Control']).to.equal('public, max-age=50');
  });

  it('publishes the keys of several sources', async () => {
    const store = await sandbox().open();
    await store.generate('request');
    const { publicJwk } = await generateKey('Ed25519');
    const external = externalSigner({ publicJwk, sign: () => Promise.reject(new Error()) });
    const { keys } = JSON.parse((await get([store, external])).body) as { keys: { alg: string }[] };
    expect(keys.map(({ alg }) => alg)).to.deep.equal(['ES256', 'Ed25519']);
  });

  it('shows no private member, whatever a source gives away', async () => {
    const { privateJwk } = await generateKey('ES256');
    const { body } = await get({ jwks: () => Promise.resolve({ keys: [{ ...privateJwk, k: 'x', oth: [] }] }) });
    expect(Object.keys((JSON.parse(body) as { keys: object[] }).keys[0]!)).not.to.include.oneOf(['d', 'k', 'oth']);
  });

  it('answers 304 to whoever has this version', async () => {
    const store = await sandbox().open();
    await store.generate('request');
    const { ETag: etag = '' } = (await get(store)).headers;
    for (const known of [[etag], [`W/${etag}`], [`"x", ${etag}`], ['"x"', etag], ['*']]) {
      expect(await get(store, { 'if-none-match': known })).to.include({ status: 304, body: '' });
    }
    expect((await get(store, { 'if-none-match': ['"x"'] })).status).to.equal(200);
    await store.rotate('request');
    expect((await get(store, { 'if-none-match': [etag] })).status).to.equal(200);
  });

  it('answers 405 to other methods', async () => {
    const store = await sandbox().open();
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'get']) {
      const { status, headers } = await get(store, {}, method);
      expect([status, headers['Allow']]).to.deep.equal([405, 'GET, HEAD']);
    }
  });

  it('answers 503, not to be cached, when the keys are unavailable', async () => {
    const { status, headers, body } = await get({ jwks: () => Promise.reject(new Unavailable('The store is down')) });
    expect([status, body]).to.deep.equal([503, '']);
    expect(headers).to.deep.equal({ 'Retry-After': '5', 'Cache-Control': 'no-store' });
  });

  for (const path of ['', 'jwks.json', '/a?b', '/a#b']) {
    it(`does not take the path '${path}'`, () => {
      expect(() => jwksEndpoint({ jwks: () => Promise.resolve({ keys: [] }) }, path)).to.throw(TypeError, "'path'");
    });
  }

  it('does not take what has no keys', () => {
    for (const source of [undefined, {}, [], [undefined], { jwks: { keys: [] } }]) {
      expect(() => jwksEndpoint(source as never)).to.throw(TypeError, 'openKeyStore');
    }
  });

  const servers: [string, (source: PublishedKeys) => Server][] = [
    ['Express', (source) => createServer(express().use(serveExpress(jwksEndpoint(source))))],
    [
      'Koa',
      (source) => {
        const handle = new Koa().use(serveKoa(jwksEndpoint(source))).callback();
        return createServer((req, res) => void handle(req, res));
      },
    ],
  ];
  for (const [framework, serve] of servers) {
    it(`is served by ${framework} to GET and HEAD`, async () => {
      const store = await sandbox().open();
      await store.generate('request');
      const server = serve(store);
      const reply = await request(server).get('/.well-known/jwks.json').expect(200);
      expect(reply.headers['content-type']).to.equal('application/jwk-set+json');
      expect(reply.body).to.deep.equal(await store.jwks());
      await request(server).head('/.well-known/jwks.json').expect(200).expect('ETag', reply.headers['etag']!);
      await request(server).get('/.well-known/jwks.json').set('If-None-Match', reply.headers['etag']!).expect(304);
    });
  }
});
