// The fixture behind every check of level `strict`, on Express and on Koa, and with no check at all.
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { localhostHostValidation, localhostOriginValidation } from '@modelcontextprotocol/express';
import express from 'express';
import Koa from 'koa';
import { toExpress } from '../adapters/express.js';
import { toKoa } from '../adapters/koa.js';
import {
  defineTools,
  memoryStores,
  memoryVersions,
  oidc,
  openAuditTrail,
  openKeyStore,
  securityProfile,
  type SecurityProfile,
} from '../lib/index.js';
import type { FakeIssuer, FakeSigner } from '../lib/testing.js';
import { FORMS, PLAIN_TOOLS, RESOURCES, TEMPLATE } from './content.js';
import { handle } from './fixture.js';
import { ROUND_TOOLS } from './rounds.js';

export interface Setting {
  /** The URL that the suite uses: that of the proxy. */
  readonly resource: string;
  readonly issuer: FakeIssuer;
  readonly agent: FakeSigner;
}

const NAMES = [
  ...Object.keys({ ...PLAIN_TOOLS, ...FORMS, ...ROUND_TOOLS }),
  ...['test_error_handling', 'test_x_mcp_header', 'json_schema_2020_12_tool', 'test_tool_with_logging'],
  ...['test_tool_with_progress', 'test_logging_tool', 'test_reconnection', 'test_sampling', 'test_elicitation'],
  ...['test_trigger_tool_change', 'test_trigger_prompt_change'],
];
/** What the suite asks for to see how its absence is told: a policy lets the question through to the server. */
const MISSING = 'test://nonexistent-resource-for-conformance-testing';
const METHODS = [
  'unknown/method',
  'resources/subscribe',
  'resources/unsubscribe',
  'tasks/get',
  'tasks/update',
  'tasks/cancel',
  'tasks/list',
  'tasks/result',
];
const PROMPTS = ['simple_prompt', 'prompt_with_image', 'prompt_with_arguments', 'prompt_with_embedded_resource'];

/** The endpoint as it would be without this package. */
export function unprotected(): RequestListener {
  const app = express();
  app.use(localhostHostValidation(), localhostOriginValidation(), express.json());
  app.all('/mcp', (req, res) => void handle(req, res, req.body));
  return app as RequestListener;
}

export async function openProfile(setting: Setting): Promise<{ profile: SecurityProfile; close: () => Promise<void> }> {
  const { resource, issuer, agent } = setting;
  const directory = await mkdtemp(join(tmpdir(), 'etdi-conformance-'));
  const keyStore = await openKeyStore({
    directory: join(directory, 'keys'),
    secret: Buffer.alloc(32, 1).toString('base64'),
  });
  const audit = await openAuditTrail({ file: join(directory, 'audit.jsonl'), signer: keyStore.signer('audit') });
  const version = '1.0.0';
  const profile = securityProfile({
    level: 'strict',
    resource,
    issuers: [oidc({ issuer: issuer.issuer })],
    fetch: issuer.fetch,
    tools: defineTools(
      Object.fromEntries(NAMES.map((name) => [name, { version, permissions: ['mcp:conformance:tools'] }])),
    ),
    prompts: Object.fromEntries([...PROMPTS, 'input_required_result_prompt'].map((name) => [`test_${name}`, []])),
    resources: Object.fromEntries([...Object.keys(RESOURCES), TEMPLATE, MISSING].map((uri) => [uri, []])),
    methods: Object.fromEntries(METHODS.map((name) => [name, []])),
    scopes: { mcp: ['mcp:conformance:tools'] },
    rate: { limit: 1_000_000, windowMs: 60_000 },
    keys: [{ owner: 'https://agent.example', clientId: 'client', jwks: agent.jwks }],
    stores: memoryStores({ singleProcess: true }),
    definitions: { versions: memoryVersions() },
    keyStore,
    audit,
  });
  const close = async (): Promise<void> => {
    await audit.close();
    await keyStore.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { profile, close };
}

export function onExpress(profile: SecurityProfile): RequestListener {
  const app = express();
  app.use('/mcp', toExpress(...profile));
  app.all('/mcp', (req, res) => void handle(req, res, req.body));
  return app as RequestListener;
}

export function onKoa(profile: SecurityProfile): RequestListener {
  const app = new Koa();
  app.use(toKoa(...profile));
  app.use(async (ctx) => {
    ctx.respond = false;
    await handle(ctx.req, ctx.res, (ctx.request as { body?: unknown }).body);
  });
  const callback = app.callback();
  return (req, res) => void callback(req, res);
}
