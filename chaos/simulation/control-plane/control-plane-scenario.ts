// The scenario `control-plane`: on every machine a member of the store, an API server, controllers and a
// scheduler as they ship; nodes that pretend; and people who use it all. What the store's log says of objects is
// the truth that everything is held against.

import type { Random } from '../../../platform/random.js'
import { silentLogger } from '../../../platform/logger.js'
import { must } from '../../../platform/errors.js'
import { settle } from '../../../platform/testing/virtual-clock.js'
import { StoreClient } from '../../../store/client/store-client.js'
import type { StoreCore } from '../../../store/core/store-core.js'
import type { StoreMember } from '../../../store/server/options.js'
import { holds } from '../failure.js'
import { clusterId } from '../machine.js'
import type { Machine } from '../machine.js'
import { MachineClock } from '../machine-clock.js'
import type { Program } from '../program.js'
import type { Place, Scenario, ScenarioWorld, Tally } from '../scenario.js'
import { SimProcess } from '../scheduler.js'
import { between, chance, pick } from '../streams.js'
import { type FaultKind, membershipKinds } from '../swarm.js'
import type { BornState } from '../store/state-file.js'
import { BudgetHolds } from './budget-check.js'
import type { ControlPlaneShape } from './control-plane-swarm.js'
import { missing } from './convergence.js'
import { LeaderChecks } from './leader-checks.js'
import { apiAddressOf, Master } from './master.js'
import { MasterProgram } from './master-program.js'
import { ObjectHistory } from './object-history.js'
import { BoundOnce, OneIdentity, PodKept, RoomOnTheNode } from './pod-checks.js'
import { SimApiTransport } from './sim-api-transport.js'
import { SimNode } from './sim-node.js'
import { User } from './user.js'
import type { Check, View } from './view.js'
import { CountsKept, ExactReplicas, JobCountedOnce, ScheduledOnce } from './workload-checks.js'

/** Places in the network; machines are numbered from 1. */
const firstNodeHost = 801
const firstUserHost = 901
const operatorHost = 999

/** What was on its way when something went wrong has arrived, or is given up. */
const quietMs = 30_000
const lookMs = 500
/** And then until it is what it was told to be. */
const convergenceMsMax = 15 * 60_000
/** Between two questions of the people. */
const thinkMsMax = 10_000
/** And where all is well: what they ask then is what the strict checks see. */
const calmThinkMsMax = 5_000

export class ControlPlaneScenario implements Scenario {
  /** Its store is that of the scenario `store`, and has no successors for what is lost either. */
  readonly withoutFaults: ReadonlySet<FaultKind> = new Set([
    ...membershipKinds,
    'bit-rot',
    'misdirected-write',
  ])
  private readonly world: ScenarioWorld
  private readonly shape: ControlPlaneShape
  private readonly born: BornState | null
  private readonly members: readonly StoreMember[]
  private readonly masterIds: readonly number[]
  private readonly masters = new Map<number, Master>()
  private readonly programs = new Set<MasterProgram>()
  private readonly nodes: readonly SimNode[]
  /** Whose code holds promises. */
  private readonly shells = new WeakSet<SimProcess>()
  private readonly history: ObjectHistory
  private readonly checks: readonly Check[]
  private readonly identities: OneIdentity
  private readonly leaders: LeaderChecks
  private readonly view: View
  private readonly evicting = new Set<string>()
  private readonly users: readonly User[]
  private readonly operators = new Map<number, StoreClient>()
  private asking = true
  /** Users that have not come to their end. */
  private living: number
  private healedMs: number | null = null
  private broken: { readonly error: unknown } | null = null

  /** Most clusters are `born` as they are after their first minute; some begin with an empty store. */
  constructor(world: ScenarioWorld, born: BornState) {
    this.world = world
    this.shape = must(world.swarm.controlPlane, 'a control plane has a shape')
    const { shape } = this
    this.born = shape.born ? born : null
    const { scheduler, swarm, coverage } = world
    const ids = Array.from({ length: swarm.members }, (_, at) => at + 1)
    this.members = ids.map(id => ({
      id,
      name: `m${id}`,
      peerAddress: `m${id}:2380`,
      clientAddress: `m${id}:2379`,
    }))
    this.history = new ObjectHistory(change => {
      for (const check of this.checks) check.changed(change)
    })
    if (this.born !== null) this.history.begin(this.born)
    const started = (process: SimProcess) => this.shells.add(process)
    this.masterIds = ids.slice(0, shape.masters)
    this.nodes = Array.from({ length: shape.nodes }, (_, at) => {
      const name = `n${at + 1}`
      const servers = this.serversOf(at)
      return new SimNode({ world, host: firstNodeHost + at, name, servers, started })
    })
    this.view = {
      history: this.history,
      nodes: this.nodes,
      nowMs: () => scheduler.nowMs,
      quiet: () => this.quiet(),
      evicting: this.evicting,
      mark: fact => coverage.mark(fact),
    }
    const { view } = this
    this.identities = new OneIdentity(view)
    this.leaders = new LeaderChecks(view)
    this.checks = [
      new PodKept(view),
      new BoundOnce(),
      new RoomOnTheNode(view),
      this.identities,
      new ExactReplicas(view),
      new JobCountedOnce(view),
      new ScheduledOnce(view),
      new CountsKept(view),
      new BudgetHolds(view),
    ]
    this.living = shape.users
    this.users = Array.from({ length: shape.users }, (_, at) => this.makeUser(at))
  }

  /** Not everybody begins with the same one. */
  private serversOf(at: number): readonly string[] {
    return rotated(this.masterIds, at % this.masterIds.length).map(apiAddressOf)
  }

  /** Between the end of the faults and the healing what is broken stays so. */
  private quiet(): boolean {
    const { scheduler, swarm, disturbedMs } = this.world
    const { nowMs } = scheduler
    if (this.healedMs !== null) return nowMs - this.healedMs > quietMs
    return nowMs < swarm.untilMs && nowMs - disturbedMs() > quietMs
  }

  private shell(host: number): SimProcess {
    const process = new SimProcess(host, this.world.nextPid())
    this.shells.add(process)
    return process
  }

  private makeUser(at: number): User {
    const { scheduler, network, randomOf, operationsMax } = this.world
    const process = this.shell(firstUserHost + at)
    const user: User = new User({
      name: `u${at + 1}`,
      transport: new SimApiTransport({
        servers: this.serversOf(at),
        network: network.of(process),
        clock: new MachineClock(scheduler, process, { rate: 1, wallOffsetMs: 0 }),
        peer: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
        userAgent: 'user',
      }),
      random: randomOf(`user/${at}`),
      sleep: ms => new Promise(resolve => scheduler.after(ms, 'client', process, resolve)),
      perform: work => scheduler.after(0, 'client', process, work),
      nodes: this.nodes.map(({ name }) => name),
      habits: this.shape.habits,
      crowded: this.shape.crowded,
      waiting: () => this.healedMs !== null && !this.quiet(),
      calm: () => this.healedMs !== null,
      asking: () => this.asking && user.asked < operationsMax,
      thinkMsMax: () => (this.healedMs === null ? thinkMsMax : calmThinkMsMax),
      evicting: this.evicting,
    })
    return user
  }

  get clientHosts(): readonly number[] {
    return [...this.users.map((_, at) => firstUserHost + at), ...this.nodes.map(({ host }) => host)]
  }

  get tally(): Tally {
    const sum = (count: (user: User) => number) =>
      this.users.reduce((total, user) => total + count(user), 0)
    return {
      operations: sum(({ asked }) => asked),
      acknowledged: sum(({ acknowledged }) => acknowledged),
      refused: sum(({ refused }) => refused),
      unknown: sum(({ unknown }) => unknown),
      reads: 0,
    }
  }

  programOf(machine: Machine): Program {
    const { world, members } = this
    const { swarm, randomOf, coverage } = world
    const master: Master = new Master({
      world,
      machine,
      storeIds: members.map(({ id }) => id),
      ids: this.masterIds,
      writesEvents: this.shape.writesEvents,
      retryPeriodMs: this.shape.retryPeriodMs,
      started: process => this.shells.add(process),
      wished: (identity, request, leading) =>
        this.judged(() => this.leaders.wished(identity, request, leading)),
      asked: (identity, lease, request) => {
        this.judged(() => this.leaders.asked(identity, lease, request))
        if (request.method !== 'GET') this.crashBehind(master, request.path.includes('/jobs?'))
      },
      onBroken: error => this.broke(error),
    })
    const isMaster = this.masterIds.includes(machine.id)
    if (isMaster) this.masters.set(machine.id, master)
    const program = new MasterProgram(
      {
        machine,
        members,
        swarm,
        store: storeLimits,
        random: randomOf(`state/${machine.id}`),
        born: this.born,
        mark: fact => coverage.mark(fact),
        opened: () => {},
        observer: {
          paused: () => {},
          applied: (entry, results) => this.history.applied(entry, results),
          restored: () => world.restoring(machine),
          watched: () => {},
        },
      },
      isMaster ? master : null,
    )
    this.programs.add(program)
    return program
  }

  begin(): void {
    const { randomOf, scheduler } = this.world
    const random = randomOf('nodes/start')
    for (const node of this.nodes)
      scheduler.after(between(random, 0, 5_000), 'machine', null, () => node.start())
    this.look()
    for (const user of this.users)
      user.live(
        () => {
          this.living -= 1
        },
        error => this.broke(error),
      )
  }

  private look(): void {
    this.identities.look()
    this.world.scheduler.after(lookMs, 'look', null, () => this.look())
  }

  // ---- what the simulation asks ----

  propose(machine: Machine, bytes: number, done: (index: number | null) => void): void {
    const before = machine.program.appliedIndex
    this.operatorOf(machine)
      .put({ key: Buffer.from('/operator'), value: Buffer.alloc(bytes) })
      .then(
        () => done(before + 1),
        () => done(null),
      )
  }

  /** A client of the store that knows no member but this one. */
  private operatorOf(machine: Machine): StoreClient {
    const known = this.operators.get(machine.id)
    if (known !== undefined) return known
    const { scheduler, network, randomOf } = this.world
    const process = this.shell(operatorHost)
    const made = new StoreClient({
      endpoints: [machine.clientAddress],
      tls: null,
      clock: new MachineClock(scheduler, process, { rate: 1, wallOffsetMs: 0 }),
      random: randomOf(`operator/${machine.id}`),
      network: network.of(process),
      logger: silentLogger,
      clusterId,
    })
    this.operators.set(machine.id, made)
    return made
  }

  /** The API servers see to it that the store has enough to do. */
  burst(): void {}

  read(): void {}

  died(): void {}

  rested(process: SimProcess): Promise<void> | null {
    return this.shells.has(process) ? settle() : null
  }

  throwIfBroken(): void {
    if (this.broken !== null) throw this.broken.error
  }

  private broke(error: unknown): void {
    this.broken ??= { error }
  }

  /** Within the code of others, who must not see what is thrown at the simulation. */
  private judged(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.broke(error)
    }
  }

  placeOf(address: string): Place | null {
    for (const [id, { processes }] of this.masters)
      if (apiAddressOf(id) === address) return { id, process: processes.get('apiserver') ?? null }
    return null
  }

  hasPower(host: number): boolean {
    return this.nodes.find(node => node.host === host)?.powered ?? true
  }

  strike(kind: FaultKind, random: Random): boolean {
    const master = pick(random, [...this.masters.values()])
    const node = pick(random, this.nodes)
    if (master === undefined || node === undefined) return false
    const strikes: Partial<Record<FaultKind, () => boolean>> = {
      'apiserver-kill': () => master.kill('apiserver'),
      'controllers-kill': () => this.leading(random, master).kill('controllers'),
      'controllers-pause': () =>
        this.pause(this.leading(random, master), between(random, 100, 25_000)),
      'kubelet-kill': () => this.killKubelet(node, between(random, 0, 20_000)),
      'node-power-cut': () => this.nodePowerCut(random, node),
    }
    return strikes[kind]?.() ?? false
  }

  /** Between a write and what was to be written next lies a moment that chance never hits. */
  private crashBehind(master: Master, often: boolean): void {
    const { scheduler, swarm, randomOf, count } = this.world
    if (!swarm.faults.has('controllers-kill') || scheduler.nowMs >= swarm.untilMs) return
    const random = randomOf('controllers-kill/behind')
    if (!chance(random, often ? 0.3 : 0.005)) return
    scheduler.after(between(random, 0, 20), 'fault', null, () => {
      if (master.kill('controllers')) count('controllers-kill')
    })
  }

  private killKubelet(node: SimNode, backMs: number): boolean {
    if (!node.killKubelet()) return false
    this.world.scheduler.after(backMs, 'machine', null, () => node.start())
    return true
  }

  /**
   * Now and then of several, and for longer than their pods are waited for. Half of them keep their power: where
   * most nodes are silent controllers take it for their own fault and give none up.
   */
  private nodePowerCut(random: Random, node: SimNode): boolean {
    const dark = this.nodes.filter(({ powered }) => !powered).length
    const left = Math.max(1, Math.floor(this.nodes.length / 2)) - dark
    const several = chance(random, 0.5)
    const lit = (several ? this.nodes : [node]).filter(({ powered }) => powered)
    const hit = lit.slice(0, Math.max(0, left))
    if (hit.length === 0) return false
    for (const one of hit) {
      one.powerCut()
      const backMs = between(random, 1_000, several ? 120_000 : 20_000)
      this.world.scheduler.after(backMs, 'machine', null, () => one.restore())
    }
    return true
  }

  /** Faults that hit who leads more often than chance would find what others do not. */
  private leading(random: Random, other: Master): Master {
    const lease = this.history.at(
      'coordination.k8s.io/leases',
      'kube-system',
      chance(random, 0.7) ? 'kube-controller-manager' : 'kube-scheduler',
    ) as { readonly spec?: { readonly holderIdentity?: string } } | null
    const [name = ''] = lease?.spec?.holderIdentity?.split('_') ?? []
    const leader = this.masters.get(Number(name.slice(1)))
    return leader !== undefined && chance(random, 0.7) ? leader : other
  }

  private pause(master: Master, ms: number): boolean {
    const { scheduler } = this.world
    const process = master.processes.get('controllers')
    if (process === undefined || process.paused) return false
    process.paused = true
    scheduler.after(ms, 'machine', null, () => {
      if (process.alive) scheduler.resume(process)
    })
    return true
  }

  heal(): void {
    const { network, machines } = this.world
    const hosts = [...this.clientHosts, operatorHost]
    for (const { id, skew } of machines()) {
      skew.wallOffsetMs = 0
      for (const host of [...hosts, id]) {
        network.way(host, id).clear()
        network.way(id, host).clear()
      }
    }
    for (const node of this.nodes) node.restore()
    this.healedMs = this.world.scheduler.nowMs
  }

  /** People go on for a while after all is well: what must hold then is more. */
  rest(): void {}

  /** Members keep the same, and what the log said of objects is what they keep. */
  private sameStates(): void {
    const cores = [...this.programs].flatMap(({ core }) => core ?? [])
    const revision = Math.min(...cores.map(core => core.revision))
    const [first, ...others] = cores.map(core => keptAt(core, revision))
    holds(
      others.every(other => other === first),
      'equal-states',
      () => `members do not keep the same at revision ${revision}`,
    )
    const newest = cores.find(core => core.revision === this.history.revision)
    if (newest === undefined) return
    const { kvs } = newest.range({ key: Buffer.from('/registry/'), end: Buffer.from('/registry0') })
    const found = new Map(kvs.map(({ key, modRevision }) => [textOf(key), modRevision]))
    for (const [key, { metadata }] of this.history.objects)
      holds(
        String(found.get(key)) === metadata.resourceVersion,
        'equal-states',
        () => `${key} should be of ${metadata.resourceVersion}, it is of ${found.get(key)}`,
      )
  }

  async conclude(): Promise<void> {
    const { runUntil, scheduler } = this.world
    await runUntil(scheduler.nowMs + quietMs + this.shape.calmMs)
    this.asking = false
    await runUntil(scheduler.nowMs + convergenceMsMax, () => this.living === 0)
    const endMs = scheduler.nowMs + convergenceMsMax
    let still: readonly string[] = ['nobody has looked']
    while (scheduler.nowMs < endMs && still.length > 0) {
      await runUntil(scheduler.nowMs + 5_000)
      still = missing(this.view)
    }
    this.sameStates()
    holds(
      still.length === 0,
      'converged',
      () => `not what it was told to be after ${convergenceMsMax} ms: ${still.join('; ')}`,
    )
  }
}

const decoder = new TextDecoder()
const textOf = (bytes: Uint8Array): string => decoder.decode(bytes)

/** What two members keep for one revision, in a form that can be compared. */
function keptAt(core: StoreCore, revision: number): string {
  const { kvs } = core.range({ key: Buffer.from('\0'), end: Buffer.from('\0'), revision })
  return kvs
    .map(({ key, value, modRevision }) => `${textOf(key)} ${modRevision} ${textOf(value)}`)
    .join('\n')
}

/** What the store does beside what it is asked is tried in its own scenario. */
const storeLimits = {
  core: {},
  compactionSliceKeys: 1_000,
  autoCompaction: { mode: 'off' },
  watchProgressMs: 5_000,
  requestTimeoutMs: 8_000,
} as const

function rotated<T>(list: readonly T[], by: number): readonly T[] {
  return [...list.slice(by), ...list.slice(0, by)]
}
