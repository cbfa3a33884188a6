// What must hold, as plain sentences: figure 3 of the paper and what an implementation promises
// beyond it. `afterStep` looks at the one member that took a step; `checkpoint` looks into all disks.

import type { ConfState, LogIndex, Message, Term } from '../../raft/core/types.js'
import { logIndex } from '../../raft/core/types.js'
import type { Coverage } from './coverage.js'
import { durableLog } from './durable-log.js'
import { holds } from './failure.js'
import type { Machine } from './machine.js'
import { MembershipHistory } from './membership-history.js'
import type { SimProcess } from './scheduler.js'
import type { Trace } from './trace.js'

interface LastSeen {
  readonly process: SimProcess
  readonly term: number
  readonly commit: number
  readonly applied: number
  readonly vote: number
  readonly campaigning: boolean
}

export interface InvariantOptions {
  readonly coverage: Coverage
  readonly trace: Trace
  readonly machine: (id: number) => Machine
  /** A member leads a term that nobody led before. */
  readonly elected: (id: number) => void
  /** A member has applied a membership that nobody had applied before. */
  readonly changed: (id: number, before: ConfState, after: ConfState) => void
  /** Members whose disks were damaged on purpose and not mended since. */
  readonly damaged: () => ReadonlySet<number>
  readonly segmentBytes: number
  readonly diskLooksApart: number
}

export class Invariants {
  private readonly options: InvariantOptions
  private readonly leaders = new Map<number, number>()
  /** committed[i] is the term of the entry at i + 1 that was committed first. */
  private readonly committed: Term[] = []
  /** In which term that was: of the leader whose commit index came there first. Never decreases. */
  private readonly committedIn: number[] = []
  private readonly last = new Map<number, LastSeen>()
  private readonly memberships = new MembershipHistory()
  /** Up to here every committed entry was found on a quorum of disks. */
  private checkedIndex = 0
  private promises = 0
  /** The latest membership that some member has applied, and how far that one was. */
  private confState: ConfState | null = null
  private confStateIndex = -1
  private votersSince = 0

  constructor(options: InvariantOptions) {
    this.options = options
  }

  get committedIndex(): number {
    return this.committed.length
  }

  /** Null before somebody has started. */
  get membership(): ConfState | null {
    return this.confState
  }

  /** No entry behind it has changed who votes. */
  get votersSinceIndex(): number {
    return this.votersSince
  }

  afterStep(process: SimProcess): void {
    const machine = this.options.machine(process.machine)
    const { node, program } = machine
    if (node === null || machine.process !== process) return
    const inspected = node.inspect()
    const { status } = inspected
    const termAt = (index: LogIndex) => inspected.termAt(index)
    const before = this.last.get(machine.id)
    const { term, commit, applied, vote, lastIndex, firstIndex, role } = status
    if (before?.process === process) {
      holds(term >= before.term, 'monotonic', () => `the term of m${machine.id} goes back`)
      holds(commit >= before.commit, 'monotonic', () => `the commit of m${machine.id} goes back`)
      holds(applied >= before.applied, 'monotonic', () => `applied goes back at m${machine.id}`)
      holds(
        term !== before.term || before.vote === 0 || vote === before.vote,
        'one-vote',
        () => `m${machine.id} changes its vote in term ${term}`,
      )
    }
    const seen = before?.process === process ? before : null
    const campaigning = role === 'candidate' || role === 'preCandidate'
    const moved =
      seen === null ||
      seen.term !== term ||
      seen.commit !== commit ||
      seen.applied !== applied ||
      seen.campaigning !== campaigning
    if (!moved && role !== 'leader') return
    if (moved && !status.damaged) {
      const { index, confState } = inspected.membership
      this.memberships.acts(machine.id, index, confState)
      // A vote may tell a candidate what is committed, in the middle of its campaign.
      if (campaigning && seen?.campaigning !== true)
        this.memberships.campaigns(machine.id, index, commit)
    }
    // What is left of a lost state stays until a snapshot takes its place; the log counts from nothing.
    const stateLost = status.damaged && lastIndex === 0
    holds(
      applied <= commit && commit <= lastIndex && (program.appliedIndex <= commit || stateLost),
      'order-of-indexes',
      () => `m${machine.id}: applied ${applied}, commit ${commit}, last ${lastIndex}`,
    )
    const purged = firstIndex - 1
    // While a snapshot is taken in, the log begins behind what the state still is.
    holds(
      purged > program.appliedIndex || purged <= program.durableIndex,
      'order-of-indexes',
      () =>
        `m${machine.id} has cut its log at ${purged}, its state is durable to ${program.durableIndex}`,
    )
    if (role === 'leader') this.leads(machine.id, term, lastIndex, firstIndex, termAt)
    this.commits(machine.id, term, Math.max(seen?.commit ?? 0, purged), commit, termAt)
    if (moved) {
      if (applied > this.confStateIndex && status.confState.voters.length > 0) {
        const before = this.confState
        this.confState = status.confState
        this.confStateIndex = applied
        if (before !== null && !sameVoters(before, status.confState)) {
          this.votersSince = applied
          this.options.changed(machine.id, before, status.confState)
        }
      }
      this.last.set(machine.id, { process, term, commit, applied, vote, campaigning })
      const { trace } = this.options
      trace.note(machine.id * 2 ** 40 + term * 2 ** 20 + commit)
      trace.note(applied * 4 + (role === 'leader' ? 1 : 0))
    }
  }

  private leads(
    id: number,
    term: number,
    lastIndex: number,
    firstIndex: number,
    termAt: (index: LogIndex) => Term | null,
  ): void {
    const known = this.leaders.get(term)
    holds(
      known === undefined || known === id,
      'election-safety',
      () => `m${known} and m${id} both lead in term ${term}`,
    )
    if (known !== undefined) return
    this.leaders.set(term, id)
    this.options.coverage.mark('elected')
    this.options.elected(id)
    // One that slept through its election may lead a term that others have left behind, so only
    // what was committed in earlier terms counts (5.4.3).
    let length = this.committed.length
    while (length > 0 && (this.committedIn[length - 1] ?? 0) >= term) length -= 1
    holds(
      lastIndex >= length,
      'leader-completeness',
      () => `m${id} leads term ${term} with ${lastIndex} entries, ${length} are committed`,
    )
    // By log matching the last committed entry stands for those before it.
    if (length >= firstIndex)
      holds(
        termAt(logIndex(length)) === this.committed[length - 1],
        'leader-completeness',
        () => `m${id} leads term ${term} without the committed entry ${length}`,
      )
  }

  private commits(
    id: number,
    inTerm: number,
    from: number,
    commit: number,
    termAt: (index: LogIndex) => Term | null,
  ): void {
    for (let index = from + 1; index <= commit; index += 1) {
      const term = termAt(logIndex(index))
      if (term === null) continue
      const known = this.committed[index - 1]
      if (known === undefined) {
        holds(
          index === this.committed.length + 1,
          'state-machine-safety',
          () => `m${id} commits ${index}, nobody has committed the entry before it`,
        )
        this.committed.push(term)
        this.committedIn.push(inTerm)
      } else
        holds(
          known === term,
          'state-machine-safety',
          () =>
            `m${id} commits entry ${index} of term ${term}, committed was that of term ${known}`,
        )
    }
  }

  /** A vote or an acknowledgement has left: what it promises must be on the disk. */
  promised(message: Message): void {
    this.promises += 1
    // Looking into a disk costs as much as a hundred steps; acknowledgements are sampled.
    const isVote = message.kind === 'voteResponse' || message.kind === 'voteRequest'
    const machine = this.options.machine(message.from)
    // Those of snapshots are few.
    const isSnapshot =
      message.kind === 'appendResponse' &&
      message.index + 1 === machine.node?.inspect().status.firstIndex
    const apart = isVote ? 4 : 64 * this.options.diskLooksApart
    if (!isSnapshot && this.promises % apart !== 0) return
    if (this.options.damaged().has(machine.id)) return
    const log = durableLog(machine, this.options.segmentBytes)
    if (message.kind === 'appendResponse') {
      const { durableIndex } = machine.program
      holds(
        log === null || log.start <= durableIndex,
        'durable-before-sent',
        () =>
          `m${machine.id} acknowledges ${message.index}: its log begins behind ${log?.start ?? 0}, its state is durable to ${durableIndex}`,
      )
      // One write may bring an entry and the later term that replaces it: then the acknowledgement in the
      // earlier term says what was, and no quorum of that term can need it.
      holds(
        log !== null && (log.last >= message.index || log.hardState.term > message.term),
        'durable-before-sent',
        () => `m${machine.id} acknowledges ${message.index}, on its disk is ${log?.last ?? 0}`,
      )
    } else if (isVote) {
      const candidate = message.kind === 'voteRequest' ? message.from : message.to
      const held = log?.hardState
      holds(
        held !== undefined &&
          (held.term > message.term || (held.term === message.term && held.vote === candidate)),
        'durable-before-sent',
        () => `m${machine.id} votes in term ${message.term}, its disk does not know`,
      )
    }
  }

  /**
   * What is committed is durable, or in a durable state, on so many disks that no quorum can form
   * without it. (Not: on a quorum of the latest membership, which may be a member larger than the one
   * that committed it.)
   */
  checkpoint(): void {
    const { damaged, machine, segmentBytes } = this.options
    const { confState } = this
    const { length } = this.committed
    if (length <= this.checkedIndex || confState === null) return
    this.options.coverage.mark('checkpoint')
    const term = this.committed[length - 1]
    const lacks = (id: number): boolean => {
      // Who has lost something durable gives no vote before it is whole again.
      if (damaged().has(id)) return false
      const holder = machine(id)
      const log = durableLog(holder, segmentBytes)
      return log === null || (log.start < length && log.termAt(length) !== term)
    }
    const couldElect = (voters: readonly number[]): boolean =>
      voters.length === 0 || voters.filter(lacks).length * 2 > voters.length
    const { voters, votersOutgoing } = confState
    holds(
      !couldElect(voters) || (votersOutgoing.length > 0 && !couldElect(votersOutgoing)),
      'committed-durable',
      () =>
        `entry ${length} is committed, and a quorum of ${voters.join(', ')} could form without it`,
    )
    this.checkedIndex = length
  }
}

function sameVoters(a: ConfState, b: ConfState): boolean {
  return a === b || votersOf(a) === votersOf(b)
}

const votersOf = ({ voters, votersOutgoing }: ConfState): string =>
  `${voters.join()}/${votersOutgoing.join()}`
