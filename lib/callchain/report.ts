import type { HandlerCall } from '../decision.js';
import { isDenial } from '../denial.js';
import { deniedBy, verdictOf } from '../reply.js';
import { originOf, type CallStack } from './callStack.js';
import { nameOf, ROOT } from './names.js';

/** A call that a tool is about to make. */
export interface PlannedCall {
  /** By its name alone where the tool is one of this server. A server, where no tool of it is called. */
  readonly tool: string;
  readonly arguments: unknown;
}

/** Tells those who record the request how a call comes along. */
export type CallReport = (phase: HandlerCall['phase'], more?: Pick<HandlerCall, 'result' | 'denied'>) => void;

/** Prepares the reports of one call that the tool of a stack makes. */
export function callReport(label: string, stack: CallStack, call: PlannedCall): CallReport {
  const { tell } = originOf(label, stack);
  const { transaction } = stack;
  const caller = nameOf(stack.frames.at(-1) ?? ROOT);
  return (phase, more) => {
    tell({ phase, caller, transaction, tool: call.tool, arguments: call.arguments, ...more });
  };
}

/**
 * Does what a call has to pass, and reports where it is denied. What a developer did wrong is no denial.
 * @throws what `work` throws
 */
export async function reportingDenial<Passed>(
  label: string,
  report: CallReport,
  work: () => Passed | Promise<Passed>,
): Promise<Passed> {
  const start = performance.now();
  try {
    return await work();
  } catch (error) {
    if (isDenial(error)) report('denied', { denied: deniedBy(label, performance.now() - start, verdictOf(error)) });
    throw error;
  }
}
