// The machines of one simulated cluster: those that are there, those that are members, and what an
// operator does about them: adds new ones, throws removed ones away, replaces lost ones, heals.

import { must } from '../../platform/errors.js'
import type { ConfState } from '../../raft/core/types.js'
import { nodeId } from '../../raft/core/types.js'
import type { ClockSkew } from './machine-clock.js'
import type { MachineEnvironment } from './machine.js'
import { Machine } from './machine.js'
import type { SimNetwork } from './network.js'
import type { Joining } from './program.js'
import type { Scheduler } from './scheduler.js'
import type { Streams } from './streams.js'
import { between, wholeBetween } from './streams.js'
import type { SwarmOptions } from './swarm.js'

export interface FleetOptions {
  readonly streams: Streams
  readonly swarm: SwarmOptions
  readonly scheduler: Scheduler
  readonly network: SimNetwork
  readonly environment: MachineEnvironment
  /** The latest that some member has applied; null before the first. */
  readonly membership: () => ConfState | null
  readonly skewed: () => void
  readonly mark: (fact: string) => void
  readonly lyingDisks: boolean
}

/** How long an operator waits between two looks. */
const operatorMs = 500
/** A leader that dies answers nothing. */
const operatorPatienceMs = 30_000

export class Fleet {
  /** all[i] is machine i + 1; ids are never used twice in a cluster. */
  readonly all: Machine[] = []
  private readonly options: FleetOptions
  /** Machines that have been members. */
  private readonly joined = new Set<number>()

  constructor(options: FleetOptions) {
    this.options = options
    const ids = Array.from({ length: options.swarm.members }, (_, at) => at + 1)
    const peers = ids.map(id => ({ id: nodeId(id), name: `m${id}`, address: `m${id}:2380` }))
    for (const _ of ids) this.make({ join: false, peers })
  }

  machine(id: number): Machine {
    return must(this.all[id - 1], `m${id} exists`)
  }

  /** Machines that were not thrown away. */
  get present(): readonly Machine[] {
    return this.all.filter(({ retired }) => !retired)
  }

  /** Those of the latest membership. */
  get members(): readonly Machine[] {
    return this.all.filter(({ id }) => this.isMember(id))
  }

  isMember(id: number): boolean {
    const confState = this.options.membership()
    if (confState === null) return id <= this.options.swarm.members
    return includes(confState, id)
  }

  start(): void {
    const random = this.options.streams.of('start')
    for (const machine of this.all) machine.startLater(between(random, 0, 300))
    this.retireRemoved()
  }

  /** It runs and waits to be told of a cluster. */
  add(): Machine {
    const peers = this.present.map(({ id, name, address }) => ({ id: nodeId(id), name, address }))
    const machine = this.make({ join: true, peers })
    machine.startLater(between(this.options.streams.of('start'), 0, 1000))
    return machine
  }

  private make(joining: Joining): Machine {
    const { environment, lyingDisks } = this.options
    const id = this.all.length + 1
    const machine = new Machine(id, environment, joining, this.skewOf(id))
    machine.disk.faults.syncsLie = lyingDisks
    this.all.push(machine)
    return machine
  }

  private skewOf(id: number): ClockSkew {
    const { streams, swarm, skewed } = this.options
    const random = streams.of(`skew/${id}`)
    // A lease trusts clocks to keep within its drift; nothing else here does.
    const trusted = swarm.leaseDriftTicks !== null
    const rate = trusted ? between(random, 0.98, 1.02) : between(random, 0.8, 1.25)
    const wallOffsetMs = wholeBetween(random, -60_000, 60_000)
    if (!swarm.faults.has('clock-skew')) return { rate: 1, wallOffsetMs: 0 }
    skewed()
    return { rate, wallOffsetMs }
  }

  /**
   * Members that all others know to be removed are thrown away, sooner or later. Not by the last two
   * that stay: a power cut could make them forget that the change was committed, and then they need it.
   */
  private retireRemoved(): void {
    const { streams, scheduler } = this.options
    scheduler.after(between(streams.of('retire'), 500, 3000), 'machine', null, () => {
      for (const machine of this.present) {
        if (this.isMember(machine.id)) this.joined.add(machine.id)
        else if (this.joined.has(machine.id) && this.allKnowRemoved(machine.id)) machine.retire()
      }
      this.retireRemoved()
    })
  }

  private allKnowRemoved(id: number): boolean {
    if ((this.options.membership()?.voters.length ?? 0) < 3) return false
    return this.members.every(({ node }) => {
      const known = node?.status().confState
      return known !== undefined && !includes(known, id)
    })
  }

  /** Power, room, time to run, and open ways among them. */
  heal(core: readonly Machine[]): void {
    for (const machine of core) {
      machine.keptDown = false
      machine.powered = true
      machine.mendDisk()
      machine.resume()
      machine.start()
      for (const other of core)
        if (other !== machine) this.options.network.way(machine.id, other.id).clear()
    }
  }

  /** From now on, what was given up as damaged gets a successor. */
  replaceLost(): void {
    const { scheduler, mark } = this.options
    const lost = this.members.find(({ retired }) => retired)
    const leader = this.members.find(({ node }) => node?.status().role === 'leader')
    const node = leader?.node ?? null
    const again = () => scheduler.after(operatorMs, 'machine', null, () => this.replaceLost())
    if (lost === undefined || leader === undefined || node === null) {
      again()
      return
    }
    const { id, name, address } = this.add()
    const replacement = { remove: nodeId(lost.id), add: { node: nodeId(id), name, address } }
    const { process } = leader
    let answered = false
    const goOn = (outcome: string) => {
      if (answered) return
      answered = true
      mark(`lost member replaced: ${outcome}`)
      again()
    }
    scheduler.after(operatorMs, 'machine', process, () =>
      node.replaceMember(replacement, error => goOn(error === null ? 'done' : error.code)),
    )
    scheduler.after(operatorPatienceMs, 'machine', null, () => goOn('no answer'))
  }
}

function includes(confState: ConfState, id: number): boolean {
  const { voters, votersOutgoing, learners, learnersNext } = confState
  return [voters, votersOutgoing, learners, learnersNext].some(list => list.includes(nodeId(id)))
}
