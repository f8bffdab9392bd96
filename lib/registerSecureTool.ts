import { isTools, type Tools } from './tools/defineTools.js';

/** An `McpServer` of either SDK line. */
export interface ToolServer {
  readonly registerTool: (name: string, config: never, handler: never) => unknown;
}

/** What a tool is described with, where the type of the server does not tell. */
interface Described {
  readonly title?: string;
  readonly description?: string;
  readonly outputSchema?: object;
  readonly annotations?: object;
  readonly _meta?: Record<string, unknown>;
}

type Declared<Server extends ToolServer> = Parameters<Server['registerTool']>[1];
type Config<Server extends ToolServer> = [Declared<Server>] extends [never]
  ? Described
  : Omit<Declared<Server>, 'inputSchema'>;

/** Told from what is returned: `registerTool` itself is generic, and hides what handlers get. */
type AnyHandler<Server extends ToolServer> =
  ReturnType<Server['registerTool']> extends { handler: infer Handler }
    ? Extract<Handler, (...args: never[]) => unknown>
    : (args: unknown, context: unknown) => unknown;
type ContextOf<Handler> = Handler extends (...args: infer Args) => unknown
  ? Args extends [unknown, infer Context]
    ? Context
    : never
  : never;

/** What a handler gets for a schema (Standard Schema), or for a record of schemas. */
type OutputOf<Schema> = Schema extends { readonly '~standard': { readonly types?: infer Types } }
  ? NonNullable<Types> extends { readonly output: infer Output }
    ? Output
    : unknown
  : { [Name in keyof Schema]: OutputOf<Schema[Name]> };

type Handler<Server extends ToolServer, Input> = [Input] extends [undefined]
  ? (context: ContextOf<AnyHandler<Server>>) => ReturnType<AnyHandler<Server>>
  : (args: OutputOf<Input>, context: ContextOf<AnyHandler<Server>>) => ReturnType<AnyHandler<Server>>;

/**
 * Registers a tool that has a policy: as `server.registerTool(name, config, handler)`, with either SDK line.
 *
 * It cannot add to `tools`, which is complete before the first request: a server may be made anew for each.
 * @returns what `server.registerTool` returns
 * @throws {TypeError} when `tools` has no policy for the tool
 */
export function registerSecureTool<Server extends ToolServer, Input = undefined>(
  server: Server,
  tools: Tools,
  name: string,
  config: Config<Server> & { readonly inputSchema?: Input },
  handler: Handler<Server, NoInfer<Input>>,
): ReturnType<Server['registerTool']> {
  if (!isTools(tools)) throw new TypeError('registerSecureTool: pass what defineTools({ ... }) returns');
  if (tools.get(name) === undefined) {
    throw new TypeError(`registerSecureTool: the tool '${name}' has no policy; add it to defineTools`);
  }
  return server.registerTool(name, config as never, handler as never) as ReturnType<Server['registerTool']>;
}
