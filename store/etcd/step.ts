// One request of the service as a step of a longer call, with what came of it as a callback; and one
// watch in such a call. For methods that etcd serves by being its own client: locks and elections.

import { RaftsmanError } from '../../platform/errors.js'
import type { RpcCall } from '../../platform/rpc.js'
import type { WatchEvent, WatchRequest } from '../core/types.js'
import type { Answer, RequestKind, WireError } from '../protocol.js'
import { WatchPump } from '../server/watch-pump.js'
import { wireError } from '../server/wire-error.js'
import type { AnswerOf, RequestOf } from './calls.js'
import { CallRequester } from './calls.js'
import type { EtcdContext } from './context.js'
import { principalOf } from './principal.js'

export type StepDone<K extends RequestKind> = (
  error: WireError | null,
  answer?: AnswerOf<K>,
) => void

class Step<K extends RequestKind> extends CallRequester {
  readonly #done: StepDone<K>

  constructor(context: EtcdContext, call: RpcCall, done: StepDone<K>) {
    super(context, call)
    this.#done = done
  }

  /** Also when its client has gone: what was begun is brought to an end. */
  override get open(): boolean {
    return true
  }

  override get bufferedBytes(): number {
    return 0
  }

  override answer(answer: Answer): void {
    this.#done(null, answer as AnswerOf<K>)
  }

  override failWith(_id: number, error: WireError): void {
    this.#done(error)
  }

  override rangePart(): void {}
}

/** As whoever made the call. Answers once, at once or later. Not for ranges that may be long. */
export function step<K extends RequestKind>(
  context: EtcdContext,
  call: RpcCall,
  request: RequestOf<K>,
  done: StepDone<K>,
): void {
  const requester = new Step<K>(context, call, done)
  try {
    context.service.handle(requester, request)
  } catch (error) {
    if (!(error instanceof RaftsmanError)) throw error
    done(wireError(error))
  }
}

export interface WatchStepOptions {
  readonly context: EtcdContext
  readonly call: RpcCall
  readonly request: WatchRequest
  readonly onEvents: (events: readonly WatchEvent[], revision: number) => void
  /** The watch is over by itself. */
  readonly onEnd: (error: RaftsmanError) => void
}

/** A watch as whoever made the call. Who holds it closes it; `resume` is for those who answer events. */
export function watchStep(options: WatchStepOptions): Pick<WatchPump, 'close' | 'resume'> {
  const { context, call, request, onEvents, onEnd } = options
  const pump = new WatchPump({
    machine: context.machine,
    guard: context.service.guard,
    asker: { principal: principalOf(call) },
    clock: context.clock,
    progressMs: Number.POSITIVE_INFINITY,
    output: {
      get bufferedBytes() {
        return call.bufferedBytes
      },
      tellsWhenRead: true,
      created() {},
      events: (_watch, revision, events) => onEvents(events, revision),
      progress() {},
      progressOfAll() {},
      ended: (_watch, error) => onEnd(error),
    },
  })
  pump.create({ watch: 0, request, creditBytes: Number.POSITIVE_INFINITY, fragments: true })
  return pump
}
