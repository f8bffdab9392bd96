// Tools that do what they are told to: they call whatever a route names, one tool after the other.
import { denialOf, type CallPeer } from './peers.js';
import type { Name, Settings } from './settings.js';

/** What every tool of this example takes. */
export interface Args {
  readonly name?: string | undefined;
  readonly entry?: string | undefined;
  readonly route?: readonly string[] | undefined;
  readonly times?: number | undefined;
}

export type Tool = (args: Args, source: object) => Promise<string> | string;
export type ToolSet = Readonly<Record<string, Tool>>;

/** Calls the tool that a route begins with, as in `files#file_list`, with the rest of it. */
export function follow({ resources }: Settings, call: CallPeer): Tool {
  return async ({ route = [], times = 1 }, source) => {
    const [next, ...rest] = route;
    if (next === undefined) return 'done';
    const [name, tool = ''] = next.split('#');
    let answer = '';
    try {
      for (let index = 0; index < times; index += 1) {
        const resource = resources[name as Name];
        answer = await call(source, { resource, tool, args: rest.length === 0 ? {} : { route: rest } });
      }
      return answer;
    } catch (error) {
      return `denied ${denialOf(error)}`;
    }
  };
}
