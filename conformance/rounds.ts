// Tools that need several rounds: they answer that input is required until the call carries it (MCP 2026-07-28).
import { randomBytes, randomUUID } from 'node:crypto';
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  inputRequired,
  type CallToolResult,
  type InputRequests,
  type InputRequiredResult,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { text } from './content.js';

type Answer = CallToolResult | InputRequiredResult;
type Handler = (ctx: ServerContext) => Answer | Promise<Answer>;

interface State extends Record<string, unknown> {
  readonly tool: string;
  readonly round?: number;
  readonly name?: string;
}

/** Seals what comes back through the client. The key is that of the process. */
export const states = createRequestStateCodec<State>({ key: randomBytes(32) });

export const ask = (message: string, member: string, type = 'string') =>
  inputRequired.elicit({
    message,
    requestedSchema: { type: 'object', properties: { [member]: { type } as never }, required: [member] },
  });
const sample = (prompt: string, maxTokens: number) =>
  inputRequired.createMessage({ messages: [{ role: 'user', content: { type: 'text', text: prompt } }], maxTokens });
const say = (value: string): CallToolResult => ({ content: [text(value)] });
const seal = (state: State): Promise<string> => states.mint({ ...state, nonce: randomUUID() });

const responseOf = (ctx: ServerContext, name: string): unknown => ctx.mcpReq.inputResponses?.[name];
const nameFrom = (ctx: ServerContext, name: string): string | undefined =>
  acceptedContent<{ name: string }>(ctx.mcpReq.inputResponses, name)?.name;
const sampled = (ctx: ServerContext, name: string): unknown =>
  (responseOf(ctx, name) as { content?: { text?: unknown } } | undefined)?.content?.text;
const rootsOf = (ctx: ServerContext): readonly { uri: string }[] | undefined =>
  (responseOf(ctx, 'client_roots') as { roots?: { uri: string }[] } | undefined)?.roots;

export const ROUND_TOOLS: Readonly<Record<string, Handler>> = {
  test_input_required_result_elicitation: (ctx) => {
    const name = nameFrom(ctx, 'user_name');
    return typeof name === 'string'
      ? say(`Hello, ${name}!`)
      : inputRequired({ inputRequests: { user_name: ask('What is your name?', 'name') } });
  },
  test_input_required_result_sampling: (ctx) => {
    const answer = sampled(ctx, 'capital_question');
    return typeof answer === 'string'
      ? say(`Sampling response: ${answer}`)
      : inputRequired({ inputRequests: { capital_question: sample('What is the capital of France?', 100) } });
  },
  test_input_required_result_list_roots: (ctx) => {
    const roots = rootsOf(ctx);
    return roots === undefined
      ? inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
      : say(`Client exposed ${roots.length} root(s): ${roots.map(({ uri }) => uri).join(', ')}`);
  },
  test_input_required_result_request_state: async (ctx) =>
    acceptedContent(ctx.mcpReq.inputResponses, 'confirm') !== undefined && ctx.mcpReq.requestState() !== undefined
      ? say('state-ok: the state came back as it was')
      : confirm('request_state'),
  test_input_required_result_tampered_state: async (ctx) =>
    acceptedContent(ctx.mcpReq.inputResponses, 'confirm') !== undefined && ctx.mcpReq.requestState() !== undefined
      ? say('integrity-ok: the state came back as it was')
      : confirm('tampered_state'),
  test_input_required_result_multiple_inputs: async (ctx) => {
    const name = nameFrom(ctx, 'user_name');
    const greeting = sampled(ctx, 'greeting');
    const roots = rootsOf(ctx);
    if (typeof name === 'string' && typeof greeting === 'string' && roots !== undefined) {
      return say(`${greeting} ${name}: ${roots.length} root(s) visible`);
    }
    return inputRequired({ inputRequests: everything(), requestState: await seal({ tool: 'multiple_inputs' }) });
  },
  test_input_required_result_multi_round: async (ctx) => {
    const state = ctx.mcpReq.requestState<State>();
    const round = state?.tool === 'multi_round' ? (state.round ?? 0) : 0;
    if (round === 0) {
      const requestState = await seal({ tool: 'multi_round', round: 1 });
      return inputRequired({ inputRequests: { step1: ask('Step 1: What is your name?', 'name') }, requestState });
    }
    if (round === 1) {
      const name = nameFrom(ctx, 'step1') ?? 'unknown';
      const requestState = await seal({ tool: 'multi_round', round: 2, name });
      return inputRequired({ inputRequests: { step2: ask('Step 2: What is your colour?', 'color') }, requestState });
    }
    const color = acceptedContent<{ color: string }>(ctx.mcpReq.inputResponses, 'step2')?.color ?? 'unknown';
    return say(`Multi-round complete: ${state?.name ?? 'unknown'} likes ${color}`);
  },
  test_input_required_result_capabilities: (ctx) => {
    if (ctx.mcpReq.inputResponses !== undefined) return say('Everything was answered');
    const envelope = ctx.mcpReq.envelope as Readonly<Record<string, unknown>> | undefined;
    const declared = (envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {}) as Record<string, unknown>;
    const { user_name, greeting, client_roots } = everything();
    const inputRequests: InputRequests = {
      ...(declared['elicitation'] === undefined ? {} : { user_name }),
      ...(declared['sampling'] === undefined ? {} : { greeting }),
      ...(declared['roots'] === undefined ? {} : { client_roots }),
    };
    return Object.keys(inputRequests).length === 0 ? say('Nothing can be asked') : inputRequired({ inputRequests });
  },
  test_missing_capability: (ctx) =>
    responseOf(ctx, 'llm_answer') === undefined
      ? inputRequired({ inputRequests: { llm_answer: sample('Reply with the single word: pong', 16) } })
      : say('The model has answered'),
};

async function confirm(tool: string): Promise<InputRequiredResult> {
  return inputRequired({
    inputRequests: { confirm: ask('Please confirm', 'ok', 'boolean') },
    requestState: await seal({ tool }),
  });
}

function everything() {
  return {
    user_name: ask('What is your name?', 'name'),
    greeting: sample('Generate a greeting', 50),
    client_roots: inputRequired.listRoots(),
  };
}
