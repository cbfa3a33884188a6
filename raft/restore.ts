// A snapshot on its way into the state machine. The order is what makes a crash harmless:
//
//   chunks into the sink ─> core accepts ─> intent in the log ─> sink commits ─> marker in the log
//
// A crash before the commit leaves the old state and the old log. One between commit and marker is
// found at the next start by the intent (initial-state.ts). What the core wants written meanwhile is
// held back behind the marker, and nothing is applied.

import type { RaftsmanError } from '../platform/errors.js'
import { assert } from '../platform/errors.js'
import type { Logger } from '../platform/logger.js'
import type { Applier } from './applier.js'
import type { AppendTask, LogIndex } from './core/types.js'
import { raftNodeError } from './node-types.js'
import type { SnapshotSink, StateMachine } from './state-machine.js'
import type { RaftLog } from './storage/log.js'
import type { SnapshotRequest } from './transport/transport-options.js'

export interface RestoreEnvironment {
  readonly stateMachine: StateMachine
  readonly logger: Logger
  readonly log: RaftLog
  readonly applier: Applier
  /** Everything has arrived: the core may have the request. */
  readonly onStaged: (request: SnapshotRequest) => void
  /** The state is that of `index`; `held` is to be written now, in order. */
  readonly onRestored: (index: LogIndex, held: readonly AppendTask[]) => void
  readonly onFailed: (error: RaftsmanError) => void
}

type Phase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'receiving' }
  | { readonly kind: 'staged'; readonly request: SnapshotRequest; readonly sink: SnapshotSink }
  | { readonly kind: 'committing'; readonly held: AppendTask[] }
  | { readonly kind: 'ended' }

export class Restore {
  private readonly environment: RestoreEnvironment
  private phase: Phase = { kind: 'idle' }

  constructor(environment: RestoreEnvironment) {
    this.environment = environment
  }

  /**
   * The state machine is being replaced, or is about to be: from the moment that the core has the
   * snapshot its log starts behind it, and what the old state amounts to says nothing of that log.
   */
  get active(): boolean {
    return this.phase.kind === 'staged' || this.phase.kind === 'committing'
  }

  /** Opens a sink for the chunks of `request`; one snapshot at a time. */
  readonly begin = (
    request: SnapshotRequest,
    done: (error: RaftsmanError | null, sink?: SnapshotSink) => void,
  ): void => {
    const { stateMachine, logger } = this.environment
    if (this.phase.kind !== 'idle') {
      done(
        raftNodeError('too-many-requests', 'not-applied', 'a snapshot is being taken in already'),
      )
      return
    }
    const { index } = request.snapshot
    logger.info({ from: request.from, index }, 'receiving snapshot')
    this.phase = { kind: 'receiving' }
    stateMachine.beginRestore(index, (error, sink) => {
      if (error !== null || sink === undefined) {
        if (this.phase.kind === 'receiving') this.phase = { kind: 'idle' }
        done(error ?? raftNodeError('stopped'))
      } else done(null, this.guarded(sink))
    })
  }

  /** The same sink; giving it back makes room for the next. */
  private guarded(sink: SnapshotSink): SnapshotSink {
    return {
      write: (chunk, done) => sink.write(chunk, done),
      commit: done => sink.commit(done),
      abort: () => {
        if (this.phase.kind === 'receiving' || this.phase.kind === 'staged')
          this.phase = { kind: 'idle' }
        sink.abort()
      },
    }
  }

  readonly staged = (request: SnapshotRequest, sink: SnapshotSink): void => {
    if (this.phase.kind !== 'receiving') {
      sink.abort()
      return
    }
    this.phase = { kind: 'staged', request, sink }
    this.environment.onStaged(request)
  }

  /** True when the task has to wait, or is the one that the snapshot was for. */
  holds(task: AppendTask): boolean {
    const { phase } = this
    if (phase.kind === 'committing') {
      assert(task.snapshot === null, 'one snapshot at a time')
      phase.held.push(task)
      return true
    }
    const { snapshot } = task
    if (snapshot === null) return false
    assert(
      phase.kind === 'staged' && phase.request.snapshot.index === snapshot.index,
      'a snapshot is accepted only when its content has arrived',
    )
    const held = [task]
    this.phase = { kind: 'committing', held }
    this.environment.applier.pause(snapshot.index)
    this.environment.log.beginRestore(snapshot, () => this.commit(snapshot.index, phase.sink, held))
    return true
  }

  private commit(index: LogIndex, sink: SnapshotSink, held: readonly AppendTask[]): void {
    const { stateMachine, applier, logger, onRestored, onFailed } = this.environment
    sink.commit(error => {
      if (this.phase.kind === 'ended') return
      if (error !== null) {
        onFailed(error)
        return
      }
      assert(stateMachine.appliedIndex === index, 'a restored state is that of its snapshot')
      logger.info({ index }, 'snapshot restored')
      this.phase = { kind: 'idle' }
      applier.resume()
      onRestored(index, held)
    })
  }

  /** Nothing is left to be written and the core has not taken it: it was out of date. */
  dropUnclaimed(): void {
    if (this.phase.kind === 'staged') this.phase.sink.abort()
  }

  end(): void {
    this.dropUnclaimed()
    this.phase = { kind: 'ended' }
  }
}
