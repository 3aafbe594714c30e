import { type HelperReply, type HelperRequest, misfit, PROTOCOL_VERSION, requestSchema } from './envelope.ts';
import { HelperFailure, toErrorBody } from './failure.ts';
import { type HelperArgs, type HelperOp, type HelperResult, helperOps } from './protocol.ts';

/** What carries out each operation. `id` is the request's, for progress events. */
export type Handlers = { [O in HelperOp]: (args: HelperArgs<O>, id: string) => Promise<HelperResult<O>> };

/** Turns a line into a reply. Never rejects. */
export type Dispatch = (line: string) => Promise<HelperReply>;

/** So many replies are remembered; a migration makes a few dozen requests. */
const REMEMBERED = 2000;

/**
 * Checks requests, carries them out and remembers the replies by request id: an id that comes again, from whichever
 * stream, gets the same reply and starts nothing.
 */
export function makeDispatch(handlers: Handlers): Dispatch {
  const replies = new Map<string, Promise<HelperReply>>();
  return async (line) => {
    const request = requestSchema.safeParse(parseJson(line));
    if (!request.success) {
      const failure = new HelperFailure('bad-request', 'not a request of this protocol version', misfit(request.error));
      return { v: PROTOCOL_VERSION, id: 'unknown', ok: false, error: toErrorBody(failure) };
    }
    const known = replies.get(request.data.id);
    if (known) return known;
    const reply = answer(request.data, handlers);
    replies.set(request.data.id, reply);
    const oldest = replies.keys().next().value;
    if (replies.size > REMEMBERED && oldest !== undefined) replies.delete(oldest);
    return reply;
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function answer({ id, op, args }: HelperRequest, handlers: Handlers): Promise<HelperReply> {
  try {
    if (!isOp(op)) throw new HelperFailure('bad-request', `unknown operation ${op}`);
    const result = await carryOut(op, args, id, handlers);
    return { v: PROTOCOL_VERSION, id, ok: true, result };
  } catch (error) {
    return { v: PROTOCOL_VERSION, id, ok: false, error: toErrorBody(error) };
  }
}

const isOp = (op: string): op is HelperOp => Object.hasOwn(helperOps, op);

async function carryOut<O extends HelperOp>(op: O, args: unknown, id: string, handlers: Handlers): Promise<unknown> {
  const parsed = helperOps[op].args.safeParse(args);
  if (!parsed.success) throw new HelperFailure('bad-request', `bad arguments for ${op}`, misfit(parsed.error));
  const result = await handlers[op](parsed.data as HelperArgs<O>, id);
  return helperOps[op].result.parse(result);
}
