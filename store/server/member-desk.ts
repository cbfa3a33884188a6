// Changes of the membership, on the leader, one at a time: checked as etcd checks them, written into
// the replicated state as far as names and addresses go, and carried out by Raft. Beside that what every
// member does by itself: saying where it is, and on the leader swapping in members that are to replace
// others. Counterpart: AddMember, PromoteMember, RemoveMember and publishV3 of etcd's server.

import { RaftsmanError, assert, unreachable } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { MemberAddress, SoftState } from '../../raft/core/types.js'
import { nodeId } from '../../raft/core/types.js'
import type { MembershipDone, Reconfiguration } from '../../raft/index.js'
import { StoreError } from '../core/errors.js'
import type { MemberChange as Change } from '../core/member-command.js'
import type { Replica as Machine } from '../core/replica.js'
import type { Answer, MemberChange } from '../protocol.js'
import { checkPeerAddresses } from './member-address.js'
import type { Members } from './members.js'
import type { ReadBatcher } from './read-batcher.js'
import type { WriteBatcher, WriteOrigin } from './write-batcher.js'
import { tooManyRequests } from './service-errors.js'

const queueMax = 64
/** Before a change is tried again that another one stands in the way of. */
const retryMs = 50
/** Between two looks at whether a member that is to replace another keeps up. */
const replaceMs = 500

export interface MemberDeskOptions {
  readonly self: {
    readonly id: number
    readonly name: string
    readonly peerAddress: string
    readonly clientAddress: string
  }
  readonly learnersMax: number
  readonly requestTimeoutMs: number
  /** Null where there is no Raft below; then nothing can be changed. */
  readonly reconfiguration: Reconfiguration | null
  readonly members: Members
  readonly machine: Machine
  readonly writes: WriteBatcher
  readonly reads: ReadBatcher
  readonly clock: Clock
  readonly logger: Logger
}

type End = (error: RaftsmanError | null, member?: number) => void
type MemberDone = (error: RaftsmanError | null, answer?: Answer) => void

interface Task {
  readonly request: MemberChange
  readonly done: MemberDone
}

export class MemberDesk {
  readonly #options: MemberDeskOptions
  /** The first one is being carried out. */
  readonly #queue: Task[] = []
  #publishing = false
  #replacing = false
  #replaceNotBeforeMs = 0

  constructor(options: MemberDeskOptions) {
    this.#options = options
  }

  /** On the leader. Throws `too-many-requests`. */
  handle(request: MemberChange, done: MemberDone): void {
    if (this.#queue.length >= queueMax) throw tooManyRequests()
    this.#queue.push({ request, done })
    if (this.#queue.length === 1) this.#next()
  }

  /** A few times a second, on every member. */
  tick({ role, leader }: SoftState): void {
    if (leader === 0) return
    this.#publish()
    if (role === 'leader') this.#replace()
  }

  #next(): void {
    const task = this.#queue[0]
    if (task === undefined) return
    this.#carryOut(task.request, (error, member) => {
      this.#queue.shift()
      this.#next()
      const answer = error === null ? this.#answer(task.request, member ?? 0) : null
      if (answer === null) task.done(error ?? new StoreError('member-not-found'))
      else task.done(null, answer)
    })
  }

  /** Null when the new member has been removed again meanwhile. */
  #answer(request: MemberChange, id: number): Answer | null {
    const { members, machine } = this.#options
    const all = { header: machine.header(), members: members.list() }
    switch (request.kind) {
      case 'memberAdd':
      case 'memberReplace': {
        const member = members.find(id)
        if (member === undefined) return null
        return { kind: request.kind, id: request.id, response: { ...all, member } }
      }
      case 'memberPromote':
      case 'memberUpdate':
      case 'memberRemove':
        return { kind: request.kind, id: request.id, response: all }
      default:
        return unreachable(request)
    }
  }

  /** What is looked at is as new as anything that was ever acknowledged, by whichever leader. */
  #carryOut(request: MemberChange, end: End): void {
    const { reads, reconfiguration } = this.#options
    const attempt = (work: () => void) => {
      try {
        work()
      } catch (error) {
        if (!(error instanceof RaftsmanError)) throw error
        end(error)
      }
    }
    attempt(() => {
      reads.submit(error => {
        if (error !== null) end(error)
        else if (reconfiguration === null) end(new StoreError('unhealthy-cluster'))
        else attempt(() => this.#start(request, reconfiguration, end))
      })
    })
  }

  #start(request: MemberChange, raft: Reconfiguration, end: End): void {
    switch (request.kind) {
      case 'memberAdd':
        this.#add(request, raft, end)
        return
      case 'memberReplace':
        this.#addReplacing(request, raft, end)
        return
      case 'memberPromote':
        this.#promote(request.member, raft, end)
        return
      case 'memberUpdate':
        this.#update(request, raft, end)
        return
      case 'memberRemove':
        this.#remove(request.member, raft, end)
        return
      default:
        unreachable(request)
    }
  }

  #add(
    request: Extract<MemberChange, { kind: 'memberAdd' }>,
    raft: Reconfiguration,
    end: End,
  ): void {
    const { name, peerAddresses } = request
    this.#checkNew(name, peerAddresses)
    // A second voter that is not there yet would cost a cluster of one its quorum at once.
    const alone = this.#options.members.confState.voters.length === 1
    const mode = request.mode === 'voter' && alone ? 'promoted' : request.mode
    if (mode === 'voter') this.#checkStarted({ more: 1, startedMore: 0, without: 0 })
    else this.#checkLearners()
    this.#bringIn({ name, peerAddresses, replaces: 0 }, end, (member, done) => {
      if (mode !== 'voter') raft.addLearner(member, { promote: mode === 'promoted' }, done)
      else {
        const { node, ...told } = member
        raft.changeMembership([{ kind: 'addVoter', node, member: told }], done)
      }
    })
  }

  /** The rest is done when the new member keeps up, by whoever leads then. */
  #addReplacing(
    request: Extract<MemberChange, { kind: 'memberReplace' }>,
    raft: Reconfiguration,
    end: End,
  ): void {
    const { name, peerAddresses, member: replaces } = request
    const { members, machine } = this.#options
    const known = machine.members.all.find(
      ({ id, replaces: other, peerAddresses: [first] }) =>
        other === replaces && first === peerAddresses[0] && members.ids.includes(id),
    )
    if (known !== undefined) {
      end(null, known.id)
      return
    }
    if (members.find(replaces) === undefined) throw new StoreError('member-not-found')
    this.#checkNew(name, peerAddresses, replaces)
    this.#checkLearners()
    this.#bringIn({ name, peerAddresses, replaces }, end, (member, done) =>
      raft.addLearner(member, { promote: false }, done),
    )
  }

  #promote(id: number, raft: Reconfiguration, end: End): void {
    const member = this.#options.members.find(id)
    if (member === undefined) throw new StoreError('member-not-found')
    if (!member.learner) throw new StoreError('not-learner')
    this.#checkStarted({ more: 1, startedMore: 1, without: 0 })
    this.#reconfigure(done => raft.promote(nodeId(id), { waits: false }, done), end)
  }

  #update(
    request: Extract<MemberChange, { kind: 'memberUpdate' }>,
    raft: Reconfiguration,
    end: End,
  ): void {
    const { member: id, peerAddresses } = request
    const member = this.#options.members.find(id)
    if (member === undefined) throw new StoreError('member-not-found')
    this.#checkNew(request.name, peerAddresses, id)
    const name = request.name === '' ? member.name : request.name
    const address = peerAddresses[0] ?? ''
    this.#reconfigure(
      done => raft.updateMember({ node: nodeId(id), name, address }, done),
      error => {
        if (error !== null) end(error)
        else {
          this.#propose({ kind: 'amend', id, name: request.name, peerAddresses }, failure => {
            // A founder that has never said anything has nothing to amend.
            end(failure?.code === 'member-not-found' ? null : failure)
          })
        }
      },
    )
  }

  #remove(id: number, raft: Reconfiguration, end: End): void {
    const member = this.#options.members.find(id)
    if (member === undefined) throw new StoreError('member-not-found')
    if (!member.learner) this.#checkStarted({ more: 0, startedMore: 0, without: id })
    this.#reconfigure(
      done => raft.changeMembership([{ kind: 'remove', node: nodeId(id) }], done),
      end,
    )
  }

  /** `self` may have the name and the addresses already. */
  #checkNew(name: string, peerAddresses: readonly string[], self = 0): void {
    checkPeerAddresses(peerAddresses)
    for (const member of this.#options.members.list()) {
      if (member.id === self) continue
      if (member.peerAddresses.some(address => peerAddresses.includes(address)))
        throw new StoreError('peer-addresses-exist')
      if (name !== '' && member.name === name) throw new StoreError('member-name-exists', name)
    }
  }

  #checkLearners(): void {
    const { members, learnersMax } = this.#options
    if (members.confState.learners.length >= learnersMax) throw new StoreError('too-many-learners')
  }

  /** Strict reconfiguration: of the voters to come, a quorum has started once at least. */
  #checkStarted(change: {
    readonly more: number
    readonly startedMore: number
    readonly without: number
  }): void {
    const { members } = this.#options
    const voters = members.confState.voters.filter(id => id !== nodeId(change.without))
    const started = voters.filter(id => members.hasStarted(id)).length + change.startedMore
    const quorum = Math.floor((voters.length + change.more) / 2) + 1
    if (started < quorum) throw new StoreError('members-not-started')
  }

  /** Takes an id, then changes the membership; gives the id up again when that was refused. */
  #bringIn(
    told: {
      readonly name: string
      readonly peerAddresses: readonly string[]
      readonly replaces: number
    },
    end: End,
    change: (member: MemberAddress, done: MembershipDone) => void,
  ): void {
    const { members } = this.#options
    this.#forgetOthers(error => {
      if (error !== null) {
        end(error)
        return
      }
      this.#propose({ kind: 'reserve', idMin: members.idMin, ...told }, (refusal, id) => {
        if (refusal !== null || id === undefined) {
          end(refusal ?? new StoreError('unhealthy-cluster'))
          return
        }
        const member = { node: nodeId(id), name: told.name, address: told.peerAddresses[0] ?? '' }
        this.#reconfigure(
          done => change(member, done),
          failure => {
            if (failure === null) end(null, id)
            else if (failure.outcome === 'unknown') end(failure)
            else this.#propose({ kind: 'forget', id }, () => end(failure))
          },
        )
      })
    })
  }

  /** What stands in the state of members that never came about, after a leader died in the middle. */
  #forgetOthers(end: End): void {
    const { members, machine } = this.#options
    const other = machine.members.all.find(({ id }) => !members.ids.includes(id))
    if (other === undefined) end(null)
    else {
      this.#propose({ kind: 'forget', id: other.id }, error => {
        if (error === null) this.#forgetOthers(end)
        else end(error)
      })
    }
  }

  /** Tries again while another change or a hand-over is under way. */
  #reconfigure(run: (done: MembershipDone) => void, end: End): void {
    const { clock, requestTimeoutMs } = this.#options
    const deadlineMs = clock.monotonicMs() + requestTimeoutMs
    const attempt = () => {
      run(error => {
        const passes = error?.code === 'change-pending' || error?.code === 'transferring'
        if (passes && clock.monotonicMs() < deadlineMs) clock.setTimer(retryMs, attempt)
        else end(error === null ? null : asStoreError(error))
      })
    }
    attempt()
  }

  #propose(change: Change, end: End): void {
    const origin: WriteOrigin = {
      written: (_token, result) => {
        if (!result.ok) end(result.error)
        else {
          assert(result.kind === 'member', 'a command on members is answered as one')
          end(null, result.response.id)
        }
      },
      notWritten: (_token, error) => end(error),
    }
    try {
      this.#options.writes.submit({ kind: 'member', change, by: 'member' }, origin, 0)
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      end(error)
    }
  }

  /** Until it stands in the state; a member that was added learns its leader late. */
  #publish(): void {
    const { self, members, machine, logger } = this.#options
    const { id, name, peerAddress, clientAddress } = self
    if (this.#publishing || !members.ids.includes(id)) return
    const known = machine.members.get(id)
    const isKnown = known?.name === name && known.clientAddresses.join() === clientAddress
    if (isKnown) return
    this.#publishing = true
    const addresses = { peerAddresses: [peerAddress], clientAddresses: [clientAddress] }
    this.#propose({ kind: 'publish', id, name, ...addresses }, error => {
      this.#publishing = false
      if (error === null)
        logger.info({ clientAddress }, 'published where clients reach this member')
      else logger.debug({ reason: error.message }, 'not published yet')
    })
  }

  #replace(): void {
    const { members, machine, reconfiguration, clock, logger } = this.#options
    const nowMs = clock.monotonicMs()
    if (reconfiguration === null || this.#replacing || this.#queue.length > 0) return
    if (nowMs < this.#replaceNotBeforeMs) return
    const { ids } = members
    const due = machine.members.all.find(({ id, replaces }) => {
      return replaces !== 0 && ids.includes(id) && ids.includes(replaces)
    })
    if (due === undefined) return
    this.#replaceNotBeforeMs = nowMs + replaceMs
    this.#replacing = true
    const { id, replaces, name, peerAddresses } = due
    const add = { node: nodeId(id), name, address: peerAddresses[0] ?? '' }
    reconfiguration.replaceMember({ remove: nodeId(replaces), add, waits: false }, error => {
      this.#replacing = false
      if (error === null) logger.info({ id, replaces }, 'member replaced')
      else logger.debug({ id, replaces, reason: error.message }, 'member not replaced yet')
    })
  }
}

/** As clients of etcd know it, with what Raft says behind it. */
function asStoreError(error: RaftsmanError): RaftsmanError {
  switch (error.code) {
    case 'change-unsafe':
      return error.outcome === 'unknown'
        ? error
        : new StoreError('unhealthy-cluster', error.message)
    case 'learner-not-ready':
      return new StoreError('learner-not-ready')
    default:
      return error
  }
}
