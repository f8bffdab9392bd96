// The tools of the three servers, and what each of them says about who calls it and whom it calls.
import type { RequestListener } from 'node:http';
import { contextOf, defineTools, type KeyStore } from '../../lib/index.js';
import { checks } from './guards.js';
import { carelessPeers, denialOf, exchangeOf, peersV1, peersV2 } from './peers.js';
import { follow, type Tool } from './routes.js';
import { handlerV1, handlerV2, onExpress, onKoa } from './serve.js';
import type { Name, Settings } from './settings.js';

type CreateApp = (settings: Settings, keys: KeyStore) => RequestListener;

/** Express and SDK v1: what users and agents call. */
const reports: CreateApp = (settings, keys) => {
  const { resources } = settings;
  const exchange = exchangeOf(settings, keys);
  const [call, greedy, leaky] = [
    peersV1(exchange),
    carelessPeers(exchange, 'greedy'),
    carelessPeers(exchange, 'leaky'),
  ];
  // #region policies
  const both = ['file:read', 'audit:log'];
  const read = `${resources.files}#secure_file_read`;
  const tools = defineTools({
    report_builder: { permissions: both, allowedCallers: ['@root'], allowedCallees: [read] },
    report_preview: { permissions: ['file:read'] },
    report_isolated: { permissions: both, blockedCallees: ['*'] },
    report_short: { permissions: both, maxCallDepth: 2 },
    report_any: { permissions: both },
    report_leak: { permissions: both },
  });
  // #endregion
  const build: Tool = async ({ name = '' }, source) => {
    try {
      return await call(source, { resource: resources.files, tool: 'secure_file_read', args: { name } });
    } catch (error) {
      return `denied ${denialOf(error)}`;
    }
  };
  const any = follow(settings, greedy);
  const mcp = handlerV1({
    report_builder: (args, source) => (args.route === undefined ? build(args, source) : any(args, source)),
    report_preview: any,
    report_isolated: any,
    report_short: any,
    report_any: any,
    report_leak: follow(settings, leaky),
  });
  return onExpress(settings, keys, checks(settings, tools, keys), mcp);
};

const FILES = new Map([['notes.txt', 'Buy milk.']]);

/** Koa and SDK v2: what the first server calls. */
const files: CreateApp = (settings, keys) => {
  const { resources } = settings;
  const exchange = exchangeOf(settings, keys);
  const call = peersV2(exchange);
  const tools = defineTools({
    secure_file_read: {
      permissions: ['file:read', 'audit:log'],
      allowedCallers: [`${resources.reports}#report_builder`],
      allowedCallees: [`${resources.audit}#audit_write`],
    },
    file_list: { permissions: ['file:read'] },
    file_share: { permissions: ['file:read'], blockedCallees: [`${resources.audit}#audit_export`] },
  });
  const any = follow(settings, carelessPeers(exchange, 'greedy'));
  const mcp = handlerV2({
    secure_file_read: async ({ name = '' }, source) => {
      const args = { entry: `read ${name}` };
      const logged = await call(source, { resource: resources.audit, tool: 'audit_write', args });
      return `${FILES.get(name) ?? 'There is no such file.'} | ${logged}`;
    },
    file_list: any,
    file_share: any,
  });
  return onKoa(settings, keys, checks(settings, tools, keys), mcp);
};

/** Express and SDK v2: what calls nobody. */
const audit: CreateApp = (settings, keys) => {
  const { resources } = settings;
  const tools = defineTools({
    audit_write: {
      permissions: ['audit:log'],
      allowedCallers: [
        `${resources.files}#secure_file_read`,
        `${resources.files}#file_list`,
        `${resources.reports}#report_preview`,
        `${resources.reports}#report_short`,
      ],
      allowedCallees: [],
    },
    audit_read: { permissions: ['audit:log'] },
    audit_export: { permissions: [] },
    audit_purge: { permissions: ['audit:log'], blockedCallers: ['*'], blockedCallees: ['*'] },
  });
  const say: Tool = (_args, source) => {
    const { auth, callStack } = contextOf(source, 'auth', 'callStack').state;
    const frames = callStack.frames.map(({ tool }) => tool).join(', ');
    const actors = (auth.actors ?? []).map(({ subject }) => subject).join(', ');
    return [callStack.subject, frames, actors].join(' | ');
  };
  const mcp = handlerV2({ audit_write: say, audit_read: say, audit_export: say, audit_purge: say });
  return onExpress(settings, keys, checks(settings, tools, keys), mcp);
};

export const SERVERS: Readonly<Record<Name, CreateApp>> = { reports, files, audit };
