// Changes of membership on their way: one asked for at a time, pursued step by step until it has come
// to pass, and in the background the promotion of learners that were added to become voters.
// Counterpart: AddMember, PromoteMember and RemoveMember of etcd's server; replacing in one call has
// none there. What is to be done next is decided in membership-plan.ts; this is the shell around it.

import type { Clock } from '../platform/clock.js'
import type { Outcome, RaftsmanError } from '../platform/errors.js'
import type { Logger } from '../platform/logger.js'
import { LearnerRounds } from './learner-rounds.js'
import { isJoint } from './core/conf-change.js'
import type { Raft } from './core/raft.js'
import type { NodeId, ProposalRefusal, SoftState } from './core/types.js'
import { noNode } from './core/types.js'
import type { Goal, Situation, Step } from './membership-plan.js'
import { nextStep } from './membership-plan.js'
import type { Contacts } from './transport/contacts.js'
import type { MembershipDone, RaftNodeErrorCode } from './node-types.js'
import { raftNodeError, refusalCodes } from './node-types.js'

export interface MembershipEnvironment {
  readonly id: NodeId
  readonly raft: Raft
  readonly clock: Clock
  readonly logger: Logger
  readonly electionMs: number
  /** For a change that needs no more than a quorum. */
  readonly timeoutMs: number
  readonly takeSequence: () => number
  readonly contacts: Contacts
  /** The core has something to do. */
  readonly onWork: () => void
}

interface Pursuit {
  readonly goal: Goal
  readonly done: MembershipDone
  readonly deadlineMs: number
  readonly limitMs: number
  /** Of the change that is proposed and not answered. */
  sequence: number | null
  /** One of its changes has taken effect. */
  begun: boolean
  /** What it waits for. */
  waiting: string
}

/** Not now, and maybe in a moment. */
const passing: ReadonlySet<ProposalRefusal> = new Set([
  'change-pending',
  'transferring',
  'too-many-uncommitted',
])

export class Membership {
  private readonly environment: MembershipEnvironment
  private readonly rounds: LearnerRounds
  private pursuit: Pursuit | null = null
  /** When each peer was last heard of. */
  private readonly heard = new Map<NodeId, number>()

  constructor(environment: MembershipEnvironment) {
    this.environment = environment
    this.rounds = new LearnerRounds(environment.electionMs)
  }

  /** Answers when the goal is reached, once; see `Replica` for the errors. */
  pursue(goal: Goal, limitMs: number | null, done: MembershipDone): void {
    const { clock, raft, timeoutMs } = this.environment
    const refuse = (code: RaftNodeErrorCode, detail?: string) =>
      clock.defer(() => done(raftNodeError(code, 'not-applied', detail)))
    if (raft.status().role !== 'leader') refuse('not-leader', this.whoLeads())
    else if (this.pursuit !== null) refuse('change-pending')
    else {
      const now = clock.monotonicMs()
      const limit = limitMs ?? timeoutMs
      this.pursuit = {
        goal,
        done,
        deadlineMs: now + limit,
        limitMs: limit,
        sequence: null,
        begun: false,
        waiting: '',
      }
      this.advance()
    }
  }

  noteHeard(from: NodeId, nowMs: number): void {
    this.heard.set(from, nowMs)
  }

  noteSoftState({ role, leader }: SoftState): void {
    if (role === 'leader') return
    this.rounds.clear()
    const { pursuit } = this
    if (pursuit === null) return
    const detail =
      leader === noNode
        ? 'this node leads no more; ask the next leader, which goes on from where it stands'
        : `${this.nameOf(leader)} leads now; ask there, it goes on from where it stands`
    this.finish(raftNodeError('leader-lost', outcomeOf(pursuit), detail))
  }

  tick(nowMs: number): void {
    const { raft } = this.environment
    const { role, progress, lastIndex } = raft.status()
    if (role !== 'leader') return
    this.rounds.update(progress, lastIndex, nowMs)
    this.forgetOthers(progress.map(({ id }) => id))
    this.advance()
    const { pursuit } = this
    if (pursuit === null) this.promoteNext(nowMs)
    else if (nowMs >= pursuit.deadlineMs) this.expire(pursuit)
  }

  /** Answers of the core; true when they were about a change of membership. */
  refused(sequences: readonly number[], reason: ProposalRefusal): boolean {
    const { pursuit } = this
    if (pursuit === null || pursuit.sequence === null) return false
    if (!sequences.includes(pursuit.sequence)) return false
    pursuit.sequence = null
    // It is tried again with the next tick.
    if (passing.has(reason) || (reason === 'change-invalid' && pursuit.goal.kind !== 'change')) {
      pursuit.waiting = 'an earlier change, or a handover, coming to its end'
      return true
    }
    this.finish(raftNodeError(refusalCodes[reason], outcomeOf(pursuit)))
    return true
  }

  /** A change that this node proposed has taken effect. */
  applied(sequence: number): void {
    const { pursuit } = this
    if (pursuit?.sequence !== sequence) return
    pursuit.sequence = null
    pursuit.begun = true
    this.advance()
  }

  /** The membership is another one than before. */
  changed(): void {
    this.advance()
  }

  end(): void {
    this.finish(raftNodeError('stopped', 'unknown'))
  }

  private advance(): void {
    const { pursuit } = this
    if (pursuit === null || pursuit.sequence !== null) return
    const { raft } = this.environment
    if (pursuit.goal.kind === 'change' && pursuit.begun) {
      if (!isJoint(raft.confState)) this.finish(null)
      return
    }
    this.take(pursuit, nextStep(pursuit.goal, this.situation()))
  }

  private take(pursuit: Pursuit, step: Step): void {
    const { raft, logger, takeSequence, onWork } = this.environment
    switch (step.kind) {
      case 'propose':
        pursuit.sequence = takeSequence()
        logger.info({ change: step.change }, 'proposing a change of membership')
        raft.proposeConfChange(pursuit.sequence, step.change)
        onWork()
        return
      case 'wait':
        pursuit.waiting = step.what
        return
      case 'done':
        this.finish(null)
        return
      case 'refuse':
        this.finish(raftNodeError(step.code, outcomeOf(pursuit), step.why))
    }
  }

  private situation(): Situation {
    const { id: self, raft, clock, electionMs, contacts } = this.environment
    const now = clock.monotonicMs()
    return {
      confState: raft.confState,
      isAlive: id => id === self || now - (this.heard.get(id) ?? -Infinity) <= electionMs,
      keepsUp: id => this.rounds.keepsUp(id),
      hasAddress: id => contacts.isConfigured(id),
    }
  }

  private promoteNext(nowMs: number): void {
    const { raft, logger, timeoutMs } = this.environment
    for (const { node, promote } of raft.confState.addresses ?? []) {
      if (promote !== true) continue
      const goal: Goal = { kind: 'promote', node, waits: true }
      const step = nextStep(goal, this.situation())
      if (step.kind !== 'propose') continue
      this.pursuit = {
        goal,
        done: error => logger.info({ node, error }, 'promotion of a learner'),
        deadlineMs: nowMs + timeoutMs,
        limitMs: timeoutMs,
        sequence: null,
        begun: false,
        waiting: '',
      }
      this.take(this.pursuit, step)
      return
    }
  }

  private expire(pursuit: Pursuit): void {
    const { goal, limitMs, sequence, waiting } = pursuit
    const outcome = outcomeOf(pursuit)
    const detail = `${waiting} has not come to pass within ${limitMs} ms`
    if (sequence !== null || waiting === '') this.finish(raftNodeError('timeout', outcome))
    else if (goal.kind === 'change') this.finish(raftNodeError('timeout', outcome, detail))
    else this.finish(raftNodeError('catch-up-timeout', outcome, detail))
  }

  private finish(error: RaftsmanError | null): void {
    const { pursuit } = this
    if (pursuit === null) return
    this.pursuit = null
    const { raft, clock } = this.environment
    const { confState } = raft
    clock.defer(() => {
      if (error === null) pursuit.done(null, confState)
      else pursuit.done(error)
    })
  }

  private forgetOthers(peers: readonly NodeId[]): void {
    for (const id of this.heard.keys()) if (!peers.includes(id)) this.heard.delete(id)
  }

  private nameOf(id: NodeId): string {
    const { name } = this.environment.contacts.find(id) ?? {}
    return name === undefined ? `node ${id}` : `node ${id} ("${name}")`
  }

  private whoLeads(): string {
    const { leader } = this.environment.raft.status()
    return leader === noNode ? 'no leader is known at the moment' : `${this.nameOf(leader)} leads`
  }
}

function outcomeOf({ begun, sequence }: Pursuit): Outcome {
  return begun || sequence !== null ? 'unknown' : 'not-applied'
}
