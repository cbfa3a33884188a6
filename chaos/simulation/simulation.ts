// One seed's cluster from its first start to its verdict. Two phases: in the first anything may fail
// and only safety is asked for; then a quorum is healed, the rest stays as broken as it is, and the
// healed ones must commit something new within a bound; at last everybody is healed and all agree.
// Counterpart: the simulators of FoundationDB and TigerBeetle.

import type { Random } from '../../platform/random.js'
import type { ConfState } from '../../raft/core/types.js'
import { linkPath } from '../../raft/transport/frame-codec.js'
import { drawControlPlaneSwarm } from './control-plane/control-plane-swarm.js'
import { Coverage } from './coverage.js'
import { damageLog } from './damage.js'
import { SimulationFailure } from './failure.js'
import { FaultAtlas } from './fault-atlas.js'
import type { FaultWorld } from './faults.js'
import { strikes } from './faults.js'
import { Invariants } from './invariants.js'
import { Fleet } from './fleet.js'
import { Healing } from './healing.js'
import type { Machine, MachineEnvironment } from './machine.js'
import { SimNetwork } from './network.js'
import type { Scenario, ScenarioName, ScenarioWorld } from './scenario.js'
import type { ScenarioMaker } from './scenario-makers.js'
import { Scheduler } from './scheduler.js'
import { between, chance, Streams } from './streams.js'
import type { FaultKind, SwarmOptions, SwarmOverrides } from './swarm.js'
import { drawSwarm, faultKinds } from './swarm.js'
import { Trace } from './trace.js'
import { Wire } from './wire.js'

export interface SimulationOverrides extends SwarmOverrides {
  /** 'raft' when absent. */
  readonly scenario?: ScenarioName
  /** Clients stop after so many operations. */
  readonly operations?: number
  /** Every disk answers syncs without doing them: a run that must fail. */
  readonly lyingDisks?: boolean
}

const checkpointMs = 2500
/** A simulation that takes more has something that never rests. */
const stepsMax = 1_000_000

export class Simulation {
  readonly swarm: SwarmOptions
  readonly trace = new Trace()
  readonly coverage = new Coverage()
  readonly faultCounts = new Map<FaultKind, number>()
  readonly scheduler: Scheduler
  readonly scenario: Scenario
  private readonly streams: Streams
  private readonly fleet: Fleet
  private readonly network: SimNetwork
  private readonly invariants: Invariants
  private readonly wire: Wire
  private readonly atlas: FaultAtlas
  private readonly electionListeners = new Set<(leader: Machine) => void>()
  private readonly changeListeners = new Set<
    (first: Machine, before: ConfState, after: ConfState) => void
  >()
  private readonly acknowledgedListeners = new Set<(leader: Machine) => void>()
  /** Faults strike. */
  private active = true
  /** Damage that its machine has not met yet. */
  private readonly latent = new Set<() => void>()
  private struckMs = Number.NEGATIVE_INFINITY
  private faultNumber = 0
  private pid = 100

  constructor(seed: number, overrides: SimulationOverrides, makeScenario: ScenarioMaker) {
    this.streams = new Streams(seed)
    const swarmOf = overrides.scenario === 'control-plane' ? drawControlPlaneSwarm : drawSwarm
    this.swarm = swarmOf(this.streams, overrides)
    const { swarm, coverage, trace } = this
    const { segmentBytes } = swarm
    const machine = (id: number) => this.fleet.machine(id)
    this.invariants = new Invariants({
      coverage,
      trace,
      machine,
      elected: id => {
        for (const tell of this.electionListeners) tell(machine(id))
      },
      changed: (id, before, after) => {
        for (const tell of this.changeListeners) tell(machine(id), before, after)
      },
      damaged: () => this.atlas.damaged,
      segmentBytes,
      diskLooksApart: swarm.diskLooksApart,
    })
    this.scheduler = new Scheduler(trace, process => {
      if (process.machine <= this.fleet.all.length) this.invariants.afterStep(process)
    })
    this.wire = new Wire({
      coverage,
      roleOf: id => machine(id).node?.status().role ?? 'starting',
      promised: message => this.invariants.promised(message),
      acknowledged: id => {
        for (const tell of this.acknowledgedListeners) tell(machine(id))
      },
    })
    this.network = new SimNetwork({
      scheduler: this.scheduler,
      pace: swarm.pace,
      randomOf: (from, to) => this.streams.of(`way/${from}/${to}`),
      powered: id => this.fleet.all[id - 1]?.powered ?? this.scenario.hasPower(id),
      machineAt: address =>
        this.fleet.all.find(
          other => other.address === address || other.clientAddress === address,
        ) ?? this.scenario.placeOf(address),
      sent: (path, bytes) => {
        if (path === linkPath) this.wire.sent(bytes)
      },
      delivered: (path, to, bytes) => {
        if (path === linkPath) this.wire.delivered(to.machine, bytes)
      },
      lost: frames => {
        for (let at = 0; at < frames; at += 1) coverage.mark('frame lost')
      },
    })
    this.scenario = makeScenario(this.world(overrides))
    this.fleet = new Fleet({
      streams: this.streams,
      swarm,
      scheduler: this.scheduler,
      network: this.network,
      environment: this.environment(),
      membership: () => this.invariants.membership,
      skewed: () => this.count('clock-skew'),
      mark: fact => coverage.mark(fact),
      lyingDisks: overrides.lyingDisks === true,
    })
    this.atlas = new FaultAtlas({
      membership: () => this.invariants.membership,
      machine,
      committedIndex: () => this.invariants.committedIndex,
      votersSinceIndex: () => this.invariants.votersSinceIndex,
      segmentBytes,
    })
  }

  private world(overrides: SimulationOverrides): ScenarioWorld {
    return {
      swarm: this.swarm,
      scheduler: this.scheduler,
      network: this.network,
      coverage: this.coverage,
      randomOf: name => this.streams.of(name),
      machines: () => this.fleet.present,
      members: () => this.fleet.members,
      nextPid: () => this.nextPid(),
      operationsMax: overrides.operations ?? Number.MAX_SAFE_INTEGER,
      restoring: machine => this.crashInRestore(machine),
      count: kind => this.count(kind),
      disturbedMs: () => this.struckMs,
      runUntil: (untilMs, done) => this.runUntil(untilMs, done),
    }
  }

  private environment(): MachineEnvironment {
    return {
      scheduler: this.scheduler,
      swarm: this.swarm,
      programOf: machine => this.scenario.programOf(machine),
      randomOf: name => this.streams.of(name),
      networkOf: process => this.network.of(process),
      died: (_machine, process, kernelSaysSo) => {
        this.network.died(process, kernelSaysSo)
        this.scenario.died(process)
      },
      nextPid: () => this.nextPid(),
      mark: fact => this.coverage.mark(fact),
      wasDamaged: ({ id }) => this.atlas.everDamaged.has(id),
      refusedToStart: (machine, error) => {
        // Damage that its own log cannot tell from forgotten promises: the machine says so, and is
        // replaced. Nobody else may refuse to start.
        const beyondRepair = error.code === 'log-corrupt' || error.code === 'start-failed'
        if (beyondRepair && this.atlas.mayRefuse(machine.id)) {
          this.coverage.mark('given up as damaged')
          machine.retire()
          return
        }
        throw new SimulationFailure('starts-again', `${machine.name}: ${error.message}`)
      },
    }
  }

  get nowMs(): number {
    return this.scheduler.nowMs
  }

  /** Throws SimulationFailure, or whatever the code under test throws. */
  async run(): Promise<void> {
    this.fleet.start()
    this.scenario.begin()
    this.scheduleFaults()
    this.checkpoints()
    await this.runUntil(this.swarm.untilMs)
    this.active = false
    // What rots unseen comes to light now at the latest: nothing more may fall while the healed are watched.
    for (const notice of this.latent) notice()
    const healing = new Healing({
      fleet: this.fleet,
      network: this.network,
      scheduler: this.scheduler,
      scenario: this.scenario,
      swarm: this.swarm,
      streams: this.streams,
      coverage: this.coverage,
      atlas: this.atlas,
      invariants: this.invariants,
      nextFault: () => this.nextFaultNumber(),
      removed: () => this.faultCounts.has('remove') || this.faultCounts.has('rush'),
      damageFollower: () => this.damageFollower(),
      runUntil: (untilMs, done) => this.runUntil(untilMs, done),
    })
    await healing.live()
    await healing.converge()
    await healing.mend()
    await this.scenario.conclude()
  }

  private async runUntil(untilMs: number, done: () => boolean = () => false): Promise<boolean> {
    const { scheduler, scenario } = this
    while (!done()) {
      if (!scheduler.step(untilMs)) {
        scheduler.nowMs = untilMs
        return done()
      }
      const { lastProcess } = scheduler
      // As between two events in production: whatever the step has settled is seen to the end.
      const rested = lastProcess === null ? null : scenario.rested(lastProcess)
      if (rested !== null) {
        await rested
        scenario.throwIfBroken()
      }
      if (scheduler.steps > stepsMax)
        throw new SimulationFailure('liveness', `no rest after ${stepsMax} steps`)
    }
    return true
  }

  private checkpoints(): void {
    const apartMs = checkpointMs * this.swarm.diskLooksApart
    this.scheduler.after(apartMs, 'look', null, () => {
      this.atlas.look()
      this.invariants.checkpoint()
      this.checkpoints()
    })
  }

  // ---- faults ----

  /** Between a state that is replaced and the log that says so lies a moment that chance never hits. */
  private crashInRestore(machine: Machine): void {
    const random = this.streams.of('crash-in-restore')
    if (!this.swarm.faults.has('crash-in-restore') || !this.active) return
    if (!chance(random, 0.3)) return
    this.scheduler.after(between(random, 0, this.swarm.syncMsMax), 'fault', null, () => {
      if (!this.active || !machine.running) return
      this.count('crash-in-restore')
      machine.kill()
      machine.startLater(between(random, 0, 500))
    })
  }

  private count(kind: FaultKind): void {
    this.struckMs = this.nowMs
    this.faultCounts.set(kind, (this.faultCounts.get(kind) ?? 0) + 1)
  }

  private nextPid(): number {
    this.pid += 1
    return this.pid
  }

  private nextFaultNumber(): number {
    this.faultNumber += 1
    return this.faultNumber
  }

  private scheduleFaults(): void {
    const world: FaultWorld = {
      machines: () => this.fleet.present,
      membership: () => this.invariants.membership,
      addMachine: () => this.fleet.add(),
      mark: fact => this.coverage.mark(fact),
      elected: this.electionListeners,
      acknowledged: this.acknowledgedListeners,
      changed: this.changeListeners,
      clientHosts: () => this.scenario.clientHosts,
      own: (kind, random) => this.scenario.strike(kind, random),
      burst: (machine, count) => this.scenario.burst(machine, count),
      read: machine => this.scenario.read(machine),
      network: this.network,
      scheduler: this.scheduler,
      tickMs: this.swarm.tickMs,
      electionTicks: this.swarm.electionTicks,
      nextFault: () => this.nextFaultNumber(),
      active: () => this.active,
      damage: (random, how) => this.damage(random, how),
    }
    for (const kind of faultKinds) {
      const meanMs = this.swarm.faults.get(kind)
      if (meanMs !== undefined && kind !== 'clock-skew' && !this.scenario.withoutFaults.has(kind))
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
    const notice = () => {
      if (!this.latent.delete(notice)) return
      victim.kill()
      victim.startLater(between(random, 0, 1000))
    }
    this.latent.add(notice)
    this.scheduler.after(latentMs, 'fault', null, notice)
    return true
  }

  /** Of a leader that stays, and must hear from it what it has lost. */
  private damageFollower(): boolean {
    const how = (['bit-rot', 'misdirected-write'] as const).find(kind =>
      this.swarm.faults.has(kind),
    )
    if (how === undefined || this.scenario.withoutFaults.has(how)) return false
    const random = this.streams.of('damage/healed')
    const victim = this.atlas.victim(random)
    if (victim?.node?.status().role !== 'follower') return false
    victim.kill()
    victim.startLater(between(random, 0, 100))
    if (!damageLog(victim, random, how === 'bit-rot' ? 'rot' : 'misdirect')) return false
    this.atlas.hit(victim)
    this.count(how)
    this.coverage.mark('damaged among the healed')
    return true
  }

  private nextFault(world: FaultWorld, kind: FaultKind, meanMs: number, random: Random): void {
    this.scheduler.after(between(random, 0.2, 1.8) * meanMs, 'fault', null, () => {
      if (!this.active) return
      if (strikes[kind](world, random)) {
        this.count(kind)
        this.trace.text(kind)
      }
      this.nextFault(world, kind, meanMs, random)
    })
  }
}
