// A server with everything that the conformance suite asks for, in both protocol eras. It checks nobody.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import {
  acceptedContent,
  classifyInboundRequest,
  createMcpHandler,
  fromJsonSchema,
  inputRequired,
  isInitializeRequest,
  McpServer,
  ResourceTemplate,
  type CallToolResult,
  type EventStore,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { FORMS, HEADER_SCHEMA, PLAIN_TOOLS, PROMPTS, RESOURCES, SCHEMA_2020_12, TEMPLATE, text } from './content.js';
import { ask, ROUND_TOOLS, states } from './rounds.js';

const say = (value: string): CallToolResult => ({ content: [text(value)] });
const none = z.object({});
const description = 'A part of the conformance suite';
const about = <Schema>(inputSchema: Schema) => ({ description, inputSchema });
const modern = createMcpHandler(createServer);
const transports = new Map<string, NodeStreamableHTTPServerTransport>();

function createServer(): McpServer {
  const listChanged = true;
  const server = new McpServer(
    { name: 'mcp-etdi-conformance', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged },
        resources: { listChanged, subscribe: true },
        prompts: { listChanged },
        logging: {},
        completions: {},
      },
      requestState: { verify: (state, ctx) => states.verify(state, ctx) },
    },
  );
  addTools(server);
  addTalkingTools(server);
  addResources(server);
  addPrompts(server);
  server.server.setRequestHandler('logging/setLevel', () => ({}));
  server.server.setRequestHandler('completion/complete', () => ({
    completion: { values: [], total: 0, hasMore: false },
  }));
  return server;
}

function addTools(server: McpServer): void {
  for (const [name, content] of Object.entries(PLAIN_TOOLS)) {
    server.registerTool(name, { description }, () => ({ content }));
  }
  for (const [name, handler] of Object.entries(ROUND_TOOLS)) {
    server.registerTool(name, about(none), (_args, ctx) => handler(ctx));
  }
  server.registerTool('test_error_handling', { description }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  const header = about(fromJsonSchema<{ region?: string }>(HEADER_SCHEMA));
  server.registerTool('test_x_mcp_header', header, ({ region }) => say(`region=${region ?? '<none>'}`));
  const schema = about(fromJsonSchema(SCHEMA_2020_12));
  server.registerTool('json_schema_2020_12_tool', schema, (args) => say(`Called with ${JSON.stringify(args)}`));
  server.registerTool('test_trigger_tool_change', about(none), () => {
    modern.notify.toolsChanged();
    return say('The list of tools has changed');
  });
  server.registerTool('test_trigger_prompt_change', about(none), () => {
    modern.notify.promptsChanged();
    return say('The list of prompts has changed');
  });
}

/** Tools that send something while their call is under way. */
function addTalkingTools(server: McpServer): void {
  server.registerTool('test_tool_with_logging', about(none), async (_args, { mcpReq }) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } });
      await sleep(50);
    }
    return say('Tool with logging executed successfully');
  });
  server.registerTool('test_tool_with_progress', about(none), async (_args, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    for (const progress of progressToken === undefined ? [] : [0, 50, 100]) {
      const params = { progressToken: progressToken ?? '', progress, total: 100, message: `${progress} of 100` };
      await mcpReq.notify({ method: 'notifications/progress', params });
      await sleep(50);
    }
    return say(String(progressToken ?? 'nobody asked'));
  });
  server.registerTool('test_logging_tool', about(none), async (_args, { mcpReq }) => {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the suite looks whether it is held back
    await mcpReq.log('info', 'Only for those who set a level');
    return say('Logged');
  });
  server.registerTool('test_reconnection', about(none), async (_args, { sessionId, mcpReq }) => {
    transports.get(sessionId ?? '')?.closeSSEStream(mcpReq.id);
    await sleep(100);
    return say('Whoever reads this has come back');
  });
  const sampling = about(z.object({ prompt: z.string() }));
  server.registerTool('test_sampling', sampling, async ({ prompt }, { mcpReq }) => {
    const messages = [{ role: 'user', content: text(prompt) }];
    const params = { messages, maxTokens: 100 };
    const { content } = (await mcpReq.send({ method: 'sampling/createMessage', params } as never)) as {
      content?: { text?: string };
    };
    return say(`LLM response: ${content?.text ?? 'none'}`);
  });
  const asking = about(z.object({ message: z.string() }));
  server.registerTool('test_elicitation', asking, ({ message }, ctx) =>
    elicit(ctx, message, { response: { type: 'string' } }, ['response']),
  );
  for (const [name, form] of Object.entries(FORMS)) {
    server.registerTool(name, about(none), (_args, ctx) => elicit(ctx, 'Please look through it', form, []));
  }
}

async function elicit(
  { mcpReq }: ServerContext,
  message: string,
  properties: object,
  required: string[],
): Promise<CallToolResult> {
  const params = { message, requestedSchema: { type: 'object', properties, required } };
  const answer = (await mcpReq.send({ method: 'elicitation/create', params } as never)) as Record<string, unknown>;
  return say(`User response: action=${String(answer['action'])}, content=${JSON.stringify(answer['content'] ?? {})}`);
}

function addResources(server: McpServer): void {
  for (const [uri, content] of Object.entries(RESOURCES)) {
    const { mimeType } = content;
    server.registerResource(uri, uri, { mimeType }, () => ({ contents: [{ uri, ...content }] }));
  }
  const template = new ResourceTemplate(TEMPLATE, { list: undefined });
  server.registerResource('template', template, { mimeType: 'application/json' }, (uri, { id }) => {
    const data = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${String(id)}` });
    return { contents: [{ uri: uri.toString(), mimeType: 'application/json', text: data }] };
  });
  server.server.setRequestHandler('resources/subscribe', () => ({}));
  server.server.setRequestHandler('resources/unsubscribe', () => ({}));
}

function addPrompts(server: McpServer): void {
  const two = z.object({ arg1: z.string(), arg2: z.string() });
  const one = z.object({ resourceUri: z.string() });
  server.registerPrompt('test_simple_prompt', { description }, () => ({ messages: PROMPTS.simple }));
  server.registerPrompt('test_prompt_with_image', { description }, () => ({ messages: PROMPTS.image }));
  server.registerPrompt('test_prompt_with_arguments', { description, argsSchema: two }, ({ arg1, arg2 }) => ({
    messages: PROMPTS.arguments(arg1, arg2),
  }));
  server.registerPrompt('test_prompt_with_embedded_resource', { description, argsSchema: one }, ({ resourceUri }) => ({
    messages: PROMPTS.resource(resourceUri),
  }));
  server.registerPrompt('test_input_required_result_prompt', { description }, ((ctx: ServerContext) => {
    const given = acceptedContent<{ context: string }>(ctx.mcpReq.inputResponses, 'user_context')?.context;
    return typeof given === 'string'
      ? { messages: PROMPTS.context(given) }
      : inputRequired({ inputRequests: { user_context: ask('In what context?', 'context') } });
  }) as never);
}

/** Keeps the events of streams, so that a client can come back for those it has missed. */
function createEventStore(): EventStore {
  const events: { readonly id: string; readonly stream: string; readonly message: unknown }[] = [];
  return {
    storeEvent(stream, message) {
      const id = `${stream}::${String(events.length).padStart(9, '0')}`;
      events.push({ id, stream, message });
      return Promise.resolve(id);
    },
    async replayEventsAfter(last, { send }) {
      const [stream = last] = last.split('::');
      for (const { id, stream: of, message } of events) {
        const isEmpty = typeof message !== 'object' || message === null || Object.keys(message).length === 0;
        if (of === stream && id > last && !isEmpty) await send(id, message as never);
      }
      return stream;
    },
  };
}

const handleModern = toNodeHandler(modern);

/** Answers one request to the endpoint. */
export async function handle(req: IncomingMessage, res: ServerResponse, body: unknown): Promise<void> {
  const inbound = classifyInboundRequest({
    httpMethod: req.method ?? 'GET',
    protocolVersionHeader: one(req.headers['mcp-protocol-version']),
    mcpMethodHeader: one(req.headers['mcp-method']),
    body,
  } as never);
  if (req.method === 'POST' && inbound.kind !== 'legacy') {
    await handleModern(req as never, res, body);
    return;
  }
  const id = one(req.headers['mcp-session-id']);
  const known = id === undefined ? undefined : transports.get(id);
  const transport = known ?? (id === undefined && isInitializeRequest(body) ? await openSession() : undefined);
  if (transport === undefined) {
    res.writeHead(id === undefined ? 400 : 404, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } }));
    return;
  }
  await transport.handleRequest(req, res, body);
}

async function openSession(): Promise<NodeStreamableHTTPServerTransport> {
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: createEventStore(),
    retryInterval: 5000,
    onsessioninitialized: (id) => {
      transports.set(id, transport);
    },
  });
  transport.onclose = () => {
    transports.delete(transport.sessionId ?? '');
  };
  await createServer().connect(transport);
  return transport;
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
