import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import express from 'express';
import request from 'supertest';
import { wireTrail } from '../../examples/audit/wired-trail.js';
import { oidc, readTrail, trailFiles, verifyTrail, type Checkpoint } from '../../lib/index.js';

describe('a trail that everything reports to', () => {
  it('has what requests and keys did, and verifies with the keys of the store', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mcp-etdi-example-'));
    const checkpoints: Checkpoint[] = [];
    try {
      const issuers = [oidc({ issuer: 'https://as.example.com' })];
      const secret = randomBytes(32).toString('base64');
      const { trail, keys, checks } = await wireTrail(folder, secret, 'https://mcp.example.com/mcp', issuers, (one) =>
        Promise.resolve(void checkpoints.push(one)),
      );
      await request(express().use('/mcp', checks)).post('/mcp').send({}).expect(401);
      await keys.rotate('definition', { immediately: true });
      await trail.close();
      const { keys: published } = await keys.export();
      await keys.close();
      const files = await trailFiles(join(folder, 'audit.jsonl'));
      const types: string[] = [];
      for await (const { record } of readTrail(files)) types.push(record.event.type);
      expect(types).to.include.members(['key_generated', 'key_activated', 'authentication_failed', 'request']);
      expect(await verifyTrail({ files, checkpoints, keys: { keys: published } })).to.deep.include({ ok: true });
      expect(checkpoints).to.have.lengthOf(1);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
