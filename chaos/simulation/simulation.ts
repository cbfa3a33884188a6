// One seed's cluster from its first start to its verdict. Two phases: in the first anything may fail
// and only safety is asked for; then a quorum is healed, the rest stays as broken as it is, and the
// healed ones must commit something new within a bound; at last everybody is healed and all agree.
// Counterpart: the simulators of FoundationDB and TigerBeetle.

import { must } from '../../platform/errors.js'
import type { Random } from '../../platform/random.js'
import { nodeId } from '../../raft/core/types.js'
import { Coverage } from './coverage.js'
import { damageLog } from './damage.js'
import { holds, SimulationFailure } from './failure.js'
import { FaultAtlas } from './fault-atlas.js'
import type { FaultWorld } from './faults.js'
import { strikes } from './faults.js'
import { History } from './history.js'
import { Invariants } from './invariants.js'
import type { MachineEnvironment } from './machine.js'
import { Machine } from './machine.js'
import type { Joining } from './machine.js'
import { SimNetwork } from './network.js'
import { Scheduler } from './scheduler.js'
import { between, chance, Streams, wholeBetween } from './streams.js'
import type { FaultKind, SwarmOptions, SwarmOverrides } from './swarm.js'
import { drawSwarm, faultKinds } from './swarm.js'
import { Trace } from './trace.js'
import { Wire } from './wire.js'
import { Workload } from './workload.js'

export interface SimulationOverrides extends SwarmOverrides {
  /** Clients stop after so many operations. */
  readonly operations?: number
  /** Every disk answers syncs without doing them: a run that must fail. */
  readonly lyingDisks?: boolean
}

/** Virtual time that a healed quorum has to commit something new. */
const livenessMsMax = 120_000
/** And then for all members to agree. */
const convergenceMsMax = 180_000
const checkpointMs = 2500
/** A simulation that takes more has something that never rests. */
const stepsMax = 3_000_000

export class Simulation {
  readonly swarm: SwarmOptions
  readonly trace = new Trace()
  readonly coverage = new Coverage()
  readonly history = new History()
  readonly faultCounts = new Map<FaultKind, number>()
  readonly scheduler: Scheduler
  readonly workload: Workload
  private readonly streams: Streams
  private readonly machines: Machine[] = []
  private readonly network: SimNetwork
  private readonly invariants: Invariants
  private readonly wire: Wire
  private readonly atlas: FaultAtlas
  private readonly electionListeners = new Set<(leader: Machine) => void>()
  private phase: 'safety' | 'liveness' | 'convergence' = 'safety'
  private faultNumber = 0
  private pid = 100
  /** Machines that have been members. */
  private readonly joined = new Set<number>()

  constructor(seed: number, overrides: SimulationOverrides) {
    this.streams = new Streams(seed)
    this.swarm = drawSwarm(this.streams, overrides)
    const { swarm, history, coverage, trace } = this
    const { segmentBytes } = swarm
    const machine = (id: number) => must(this.machines[id - 1], `m${id} exists`)
    this.invariants = new Invariants({
      history,
      coverage,
      trace,
      machine,
      elected: id => {
        for (const tell of this.electionListeners) tell(machine(id))
      },
      damaged: () => this.atlas.damaged,
      everDamaged: () => this.atlas.everDamaged,
      segmentBytes,
    })
    this.scheduler = new Scheduler(trace, process => this.invariants.afterStep(process))
    this.wire = new Wire({
      coverage,
      roleOf: id => machine(id).node?.status().role ?? 'starting',
      promised: message => this.invariants.promised(message),
    })
    this.network = new SimNetwork({
      scheduler: this.scheduler,
      pace: swarm.pace,
      randomOf: (from, to) => this.streams.of(`way/${from}/${to}`),
      powered: id => this.machines[id - 1]?.powered ?? false,
      machineAt: address => this.machines.find(other => other.address === address) ?? null,
      sent: (_from, _to, bytes) => this.wire.sent(bytes),
      delivered: (_from, to, bytes) => this.wire.delivered(to.machine, bytes),
      lost: frames => {
        for (let at = 0; at < frames; at += 1) coverage.mark('frame lost')
      },
    })
    this.workload = new Workload({
      scheduler: this.scheduler,
      history,
      swarm,
      randomOf: name => this.streams.of(name),
      machines: () => this.present,
      operationsMax: overrides.operations ?? Number.MAX_SAFE_INTEGER,
      mark: fact => coverage.mark(fact),
    })
    this.build(overrides)
    this.atlas = new FaultAtlas({
      membership: () => this.invariants.membership,
      machine,
      committedIndex: () => this.invariants.committedIndex,
      segmentBytes,
    })
  }

  private build(overrides: SimulationOverrides): void {
    const ids = Array.from({ length: this.swarm.members }, (_, at) => at + 1)
    const peers = ids.map(id => ({ id: nodeId(id), name: `m${id}`, address: `m${id}:2380` }))
    for (const id of ids) this.make(id, { join: false, peers }, overrides)
  }

  private environment(): MachineEnvironment {
    return {
      scheduler: this.scheduler,
      swarm: this.swarm,
      history: this.history,
      randomOf: name => this.streams.of(name),
      networkOf: process => this.network.of(process),
      died: (_machine, process, kernelSaysSo) => {
        this.network.died(process, kernelSaysSo)
        this.workload.died(process)
      },
      nextPid: () => {
        this.pid += 1
        return this.pid
      },
      mark: fact => this.coverage.mark(fact),
      refusedToStart: (machine, error) => {
        // Damage that its own log cannot tell from forgotten promises: the machine says so, and is
        // replaced. Nobody else may refuse to start.
        if (error.code === 'log-corrupt' && this.atlas.damaged.has(machine.id)) {
          this.coverage.mark('given up as damaged')
          machine.retire()
          return
        }
        throw new SimulationFailure('starts-again', `${machine.name}: ${error.message}`)
      },
    }
  }

  private make(id: number, joining: Joining, overrides: SimulationOverrides): Machine {
    const machine = new Machine(id, this.environment(), joining, this.skewOf(id))
    machine.disk.faults.syncsLie = overrides.lyingDisks === true
    this.machines.push(machine)
    return machine
  }

  /** Ids are never used twice in a cluster. */
  private addMachine(): Machine {
    const known = this.present.map(({ id, name, address }) => ({ id: nodeId(id), name, address }))
    const id = this.machines.length + 1
    const machine = this.make(id, { join: true, peers: known }, {})
    machine.startLater(between(this.streams.of('start'), 0, 1000))
    return machine
  }

  /** Machines that were not thrown away. */
  private get present(): readonly Machine[] {
    return this.machines.filter(({ retired }) => !retired)
  }

  private isMember(id: number): boolean {
    const confState = this.invariants.membership
    if (confState === null) return id <= this.swarm.members
    const { voters, votersOutgoing, learners, learnersNext } = confState
    return [voters, votersOutgoing, learners, learnersNext].some(list => list.includes(nodeId(id)))
  }

  /** Those of the latest membership. */
  private get members(): readonly Machine[] {
    return this.machines.filter(({ id }) => this.isMember(id))
  }

  /**
   * Members that all others know to be removed are thrown away, sooner or later. Not by the last two
   * that stay: a power cut could make them forget that the change was committed, and then they need it.
   */
  private retireRemoved(): void {
    const random = this.streams.of('retire')
    this.scheduler.after(between(random, 500, 3000), 'machine', null, () => {
      for (const machine of this.present) {
        if (this.isMember(machine.id)) this.joined.add(machine.id)
        else if (this.joined.has(machine.id) && this.allKnowRemoved(machine.id)) machine.retire()
      }
      this.retireRemoved()
    })
  }

  private allKnowRemoved(id: number): boolean {
    if ((this.invariants.membership?.voters.length ?? 0) < 3) return false
    return this.members.every(({ node }) => {
      const { voters, votersOutgoing, learners } = node?.status().confState ?? {
        voters: [nodeId(id)],
        votersOutgoing: [],
        learners: [],
      }
      return ![voters, votersOutgoing, learners].some(list => list.includes(nodeId(id)))
    })
  }

  private skewOf(id: number): { rate: number; wallOffsetMs: number } {
    const random = this.streams.of(`skew/${id}`)
    // A lease trusts clocks to keep within its drift; nothing else here does.
    const trusted = this.swarm.leaseDriftTicks !== null
    const rate = trusted ? between(random, 0.98, 1.02) : between(random, 0.8, 1.25)
    const wallOffsetMs = wholeBetween(random, -60_000, 60_000)
    if (!this.swarm.faults.has('clock-skew')) return { rate: 1, wallOffsetMs: 0 }
    this.count('clock-skew')
    return { rate, wallOffsetMs }
  }

  get nowMs(): number {
    return this.scheduler.nowMs
  }

  /** Throws SimulationFailure, or whatever the code under test throws. */
  run(): void {
    for (const machine of this.machines)
      machine.startLater(between(this.streams.of('start'), 0, 300))
    this.workload.begin()
    this.scheduleFaults()
    this.checkpoints()
    this.retireRemoved()
    this.runUntil(this.swarm.untilMs)
    this.phase = 'liveness'
    this.live()
    this.phase = 'convergence'
    this.converge()
  }

  private runUntil(untilMs: number, done: () => boolean = () => false): boolean {
    while (!done()) {
      if (!this.scheduler.step(untilMs)) {
        this.scheduler.nowMs = untilMs
        return done()
      }
      if (this.scheduler.steps > stepsMax)
        throw new SimulationFailure('liveness', `no rest after ${stepsMax} steps`)
    }
    return true
  }

  private checkpoints(): void {
    this.scheduler.after(checkpointMs, 'look', null, () => {
      this.atlas.look()
      this.invariants.checkpoint()
      this.checkpoints()
    })
  }

  // ---- faults ----

  private count(kind: FaultKind): void {
    this.faultCounts.set(kind, (this.faultCounts.get(kind) ?? 0) + 1)
  }

  private scheduleFaults(): void {
    const world: FaultWorld = {
      machines: () => this.present,
      membership: () => this.invariants.membership,
      addMachine: () => this.addMachine(),
      mark: fact => this.coverage.mark(fact),
      elected: this.electionListeners,
      network: this.network,
      scheduler: this.scheduler,
      tickMs: this.swarm.tickMs,
      electionTicks: this.swarm.electionTicks,
      nextFault: () => {
        this.faultNumber += 1
        return this.faultNumber
      },
      active: () => this.phase === 'safety',
      damage: (random, how) => this.damage(random, how),
    }
    for (const kind of faultKinds) {
      const meanMs = this.swarm.faults.get(kind)
      if (meanMs !== undefined && kind !== 'clock-skew')
        this.nextFault(world, kind, meanMs, this.streams.of(`fault/${kind}`))
    }
  }

  /** Noticed at the next start: at once, or when it has gone on for a while with what it does not know. */
  private damage(random: Random, how: 'rot' | 'misdirect'): boolean {
    const victim = this.atlas.victim(random)
    if (victim === null) return false
    const latentMs = chance(random, 0.5) ? 0 : between(random, 0, 4000)
    if (latentMs === 0) victim.kill()
    if (!damageLog(victim, random, how)) return false
    this.atlas.hit(victim)
    this.scheduler.after(latentMs, 'fault', null, () => {
      victim.kill()
      victim.startLater(between(random, 0, 1000))
    })
    return true
  }

  private nextFault(world: FaultWorld, kind: FaultKind, meanMs: number, random: Random): void {
    this.scheduler.after(between(random, 0.2, 1.8) * meanMs, 'fault', null, () => {
      if (this.phase !== 'safety') return
      if (strikes[kind](world, random)) {
        this.count(kind)
        this.trace.text(kind)
      }
      this.nextFault(world, kind, meanMs, random)
    })
  }

  // ---- healing ----

  /** Power, room, time to run, and open ways among them. */
  private heal(core: readonly Machine[]): void {
    for (const machine of core) {
      machine.keptDown = false
      machine.powered = true
      machine.full = false
      machine.stalledUntilMs = 0
      machine.disk.faults.capacityBytes = Number.MAX_SAFE_INTEGER
      machine.disk.faults.syncsUntilFailure = null
      machine.resume()
      machine.start()
      for (const other of core)
        if (other !== machine) this.network.way(machine.id, other.id).clear()
    }
  }

  /**
   * A quorum, now and then everybody. Where the membership moves a change may be on its way that makes
   * another quorum the one that counts, so there everybody is healed.
   */
  private chooseCore(): readonly Machine[] {
    const random = this.streams.of('core')
    const moves = this.machines.length > this.swarm.members || this.faultCounts.has('remove')
    if (chance(random, 0.3) || moves) return this.present
    const quorum = Math.floor(this.machines.length / 2) + 1
    const left = this.machines.filter(({ id }) => !this.atlas.damaged.has(id))
    while (left.length > quorum) left.splice(random.integer(left.length), 1)
    return left
  }

  private live(): void {
    const core = this.chooseCore()
    this.heal(core)
    // Raft does not promise that a member hears from a leader outside the core that only the others
    // reach; so either the rest is out of the way, or the core need not all follow.
    const alone = chance(this.streams.of('core'), 0.5)
    if (alone) this.cutOff(core)
    const members = () => core.filter(({ id, retired }) => !retired && this.isMember(id))
    this.agree(members, alone, livenessMsMax, 'liveness')
    if (alone) this.keepLeader(members)
  }

  /** The rest is out of reach, or only deaf: what it says is heard, and must disturb nobody. */
  private cutOff(core: readonly Machine[]): void {
    const deaf = chance(this.streams.of('rest'), 0.5)
    this.faultNumber += 1
    for (const machine of this.machines) {
      if (core.includes(machine)) continue
      for (const inside of core) {
        const inwards = this.network.way(machine.id, inside.id)
        if (deaf) inwards.clear()
        else inwards.block(this.faultNumber)
        this.network.way(inside.id, machine.id).block(this.faultNumber)
      }
    }
  }

  /**
   * Who hears one another has no reason to elect anybody (thesis 6.2 and 9.6). Not so where messages
   * take nearly as long as elections: there leaders come and go by right.
   */
  private keepLeader(members: () => readonly Machine[]): void {
    const { tickMs, electionTicks, pace, syncMsMax, entriesBytesMaxPerMessage } = this.swarm
    const electionMs = tickMs * electionTicks
    const slowestMs = 2 * pace.delayMsMax + syncMsMax + entriesBytesMaxPerMessage / pace.bytesPerMs
    if (slowestMs * 3 > electionMs) return
    const term = () => Math.max(0, ...members().map(({ node }) => node?.status().term ?? 0))
    this.runUntil(this.scheduler.nowMs + 4 * electionMs)
    const before = term()
    this.runUntil(this.scheduler.nowMs + 10 * electionMs)
    this.coverage.mark('leader kept')
    for (const { id, name, node, process } of this.machines)
      if (process?.paused === false && !members().some(member => member.id === id))
        holds(
          node?.status().role !== 'leader',
          'stable-leader',
          () => `${name} leads on, and has heard no quorum for ten election timeouts`,
        )
    if (term() === before) return
    const names = members().map(({ name }) => name)
    throw new SimulationFailure(
      'stable-leader',
      `${names.join(', ')} hear one another, and went from term ${before} to ${term()}`,
    )
  }

  /** What was given up as damaged gets a successor, as an operator would see to. */
  private replaceLost(): void {
    const lost = this.members.find(({ retired }) => retired)
    const leader = this.members.find(({ node }) => node?.status().role === 'leader')
    const node = leader?.node ?? null
    const again = () => this.scheduler.after(500, 'machine', null, () => this.replaceLost())
    if (lost === undefined || leader === undefined || node === null) {
      again()
      return
    }
    const { id, name, address } = this.addMachine()
    const replacement = { remove: nodeId(lost.id), add: { node: nodeId(id), name, address } }
    this.scheduler.after(500, 'machine', leader.process, () =>
      node.replaceMember(replacement, error => {
        this.coverage.mark(`lost member replaced: ${error === null ? 'done' : error.code}`)
        again()
      }),
    )
  }

  private converge(): void {
    this.heal(this.present)
    this.replaceLost()
    this.agree(() => this.members, true, convergenceMsMax, 'convergence')
    this.invariants.checkpoint()
  }

  /** Something new is acknowledged, and applied: by all of them, or by one. */
  private agree(
    members: () => readonly Machine[],
    byAll: boolean,
    withinMs: number,
    check: 'liveness' | 'convergence',
  ): void {
    let acknowledged = 0
    const since = this.scheduler.nowMs
    const ask = () => {
      if (acknowledged > 0 || this.scheduler.nowMs >= since + withinMs) return
      for (const machine of members())
        this.workload.propose(machine, 16, index => {
          if (index !== null && acknowledged === 0) acknowledged = index
        })
      this.scheduler.after(500, 'client', null, ask)
    }
    ask()
    const has = (machine: Machine) => (machine.state?.appliedIndex ?? 0) >= acknowledged
    const agreed = this.runUntil(
      since + withinMs,
      () => acknowledged > 0 && (byAll ? members().every(has) : members().some(has)),
    )
    if (agreed) return
    const seen = this.present.map(machine => {
      const status = machine.node?.status()
      return status === undefined
        ? `${machine.name} ${machine.running ? 'starts' : 'is down'}`
        : `${machine.name} ${status.role} term ${status.term} commit ${status.commitIndex} applied ${status.appliedIndex} last ${status.lastIndex}`
    })
    const names = members()
      .map(({ name }) => name)
      .join(', ')
    throw new SimulationFailure(
      check,
      `${names} were healed and did not ${acknowledged > 0 ? `all apply ${acknowledged}` : 'commit anything'} within ${withinMs} ms: ${seen.join('; ')}`,
    )
  }
}
