// The second half of a simulation: a quorum is healed and must go on, with the rest as broken as it is;
// then everybody is healed, and all must agree. What TigerBeetle's simulator calls liveness mode.

import type { Coverage } from './coverage.js'
import { holds, SimulationFailure } from './failure.js'
import type { FaultAtlas } from './fault-atlas.js'
import type { Fleet } from './fleet.js'
import type { Invariants } from './invariants.js'
import type { Machine } from './machine.js'
import type { SimNetwork } from './network.js'
import type { Scenario } from './scenario.js'
import type { Scheduler } from './scheduler.js'
import type { Streams } from './streams.js'
import { chance } from './streams.js'
import type { SwarmOptions } from './swarm.js'

export interface HealingOptions {
  readonly fleet: Fleet
  readonly network: SimNetwork
  readonly scheduler: Scheduler
  readonly scenario: Scenario
  readonly swarm: SwarmOptions
  readonly streams: Streams
  readonly coverage: Coverage
  readonly atlas: FaultAtlas
  readonly invariants: Invariants
  readonly nextFault: () => number
  /** Somebody was asked to remove a member. */
  readonly removed: () => boolean
  /** Damages the log of a follower that can bear it; false where none can, or the seed has no damage. */
  readonly damageFollower: () => boolean
  /** Runs events up to that time, or until something holds; false when it never did. */
  readonly runUntil: (untilMs: number, done?: () => boolean) => Promise<boolean>
}

/** Virtual time that a healed quorum has to commit something new. */
const livenessMsMax = 120_000
/** And then for all members to agree. */
const convergenceMsMax = 180_000

export class Healing {
  private readonly options: HealingOptions

  constructor(options: HealingOptions) {
    this.options = options
  }

  private get fleet(): Fleet {
    return this.options.fleet
  }

  /**
   * A quorum, now and then everybody. Where the membership moves a change may be on its way that makes
   * another quorum the one that counts, so there everybody is healed.
   */
  private chooseCore(): readonly Machine[] {
    const random = this.options.streams.of('core')
    const moves = this.fleet.all.length > this.options.swarm.members || this.options.removed()
    if (chance(random, 0.3) || moves) return this.fleet.present
    const quorum = Math.floor(this.fleet.all.length / 2) + 1
    const left = this.fleet.all.filter(({ id }) => !this.options.atlas.damaged.has(id))
    while (left.length > quorum) left.splice(random.integer(left.length), 1)
    return left
  }

  /** A quorum is healed, the rest stays as broken as it is. */
  async live(): Promise<void> {
    const core = this.chooseCore()
    this.fleet.heal(core)
    // Raft does not promise that a member hears from a leader outside the core that only the others
    // reach; so either the rest is out of the way, or the core need not all follow.
    const alone = chance(this.options.streams.of('core'), 0.5)
    if (alone) this.cutOff(core)
    const members = () => core.filter(({ id, retired }) => !retired && this.fleet.isMember(id))
    await this.agree(members, alone, livenessMsMax, 'liveness')
    if (alone) await this.keepLeader(members)
  }

  /** The rest is out of reach, or only deaf: what it says is heard, and must disturb nobody. */
  private cutOff(core: readonly Machine[]): void {
    const deaf = chance(this.options.streams.of('rest'), 0.5)
    const fault = this.options.nextFault()
    for (const machine of this.fleet.all) {
      if (core.includes(machine)) continue
      for (const inside of core) {
        const inwards = this.options.network.way(machine.id, inside.id)
        if (deaf) inwards.clear()
        else inwards.block(fault)
        this.options.network.way(inside.id, machine.id).block(fault)
      }
    }
  }

  /**
   * Who hears one another has no reason to elect anybody (thesis 6.2 and 9.6). Not so where messages
   * take nearly as long as elections: there leaders come and go by right.
   */
  private async keepLeader(members: () => readonly Machine[]): Promise<void> {
    const { tickMs, electionTicks, pace, syncMsMax, entriesBytesMaxPerMessage } = this.options.swarm
    const electionMs = tickMs * electionTicks
    const slowestMs = 2 * pace.delayMsMax + syncMsMax + entriesBytesMaxPerMessage / pace.bytesPerMs
    if (slowestMs * 3 > electionMs) return
    // A leader whose disk has more to do than it can hands over by right.
    const { counts } = this.options.coverage
    const stalls = () =>
      [...counts]
        .filter(([fact]) => fact.startsWith('log: disk stalls'))
        .reduce((sum, [, times]) => sum + times, 0)
    // And one that a change on its way has removed stops leading.
    const membership = () => JSON.stringify(this.options.invariants.membership)
    const term = () => Math.max(0, ...members().map(({ node }) => node?.status().term ?? 0))
    const membershipBefore = membership()
    await this.options.runUntil(this.options.scheduler.nowMs + 4 * electionMs)
    const before = term()
    const stalledBefore = stalls()
    await this.options.runUntil(this.options.scheduler.nowMs + 10 * electionMs)
    this.options.coverage.mark('leader kept')
    for (const { id, name, node, process } of this.fleet.all)
      if (process?.paused === false && !members().some(member => member.id === id))
        holds(
          node?.status().role !== 'leader',
          'stable-leader',
          () => `${name} leads on, and has heard no quorum for ten election timeouts`,
        )
    if (term() === before || stalls() > stalledBefore || membership() !== membershipBefore) return
    const names = members().map(({ name }) => name)
    throw new SimulationFailure(
      'stable-leader',
      `${names.join(', ')} hear one another, and went from term ${before} to ${term()}`,
    )
  }

  /** Everybody is healed, and all members agree. */
  async converge(): Promise<void> {
    const { fleet, invariants, scenario } = this.options
    fleet.heal(fleet.present)
    scenario.heal()
    fleet.replaceLost()
    await this.agree(() => fleet.members, true, convergenceMsMax, 'convergence')
    invariants.checkpoint()
  }

  /**
   * Nobody asks for anything, so nothing but the leader's own care brings back what a follower has lost: no
   * election, and no snapshot because the log has moved on.
   */
  async mend(): Promise<void> {
    this.options.scenario.rest()
    if (!this.options.damageFollower()) return
    await this.agree(() => this.fleet.members, true, convergenceMsMax, 'convergence')
    this.options.invariants.checkpoint()
  }

  /** Something new is acknowledged, and applied: by all of them, or by one. */
  private async agree(
    members: () => readonly Machine[],
    byAll: boolean,
    withinMs: number,
    check: 'liveness' | 'convergence',
  ): Promise<void> {
    let acknowledged = 0
    const since = this.options.scheduler.nowMs
    const ask = () => {
      if (acknowledged > 0 || this.options.scheduler.nowMs >= since + withinMs) return
      for (const machine of members())
        this.options.scenario.propose(machine, 16, index => {
          if (index !== null && acknowledged === 0) acknowledged = index
        })
      this.options.scheduler.after(500, 'client', null, ask)
    }
    ask()
    const has = (machine: Machine) => machine.program.appliedIndex >= acknowledged
    const agreed = await this.options.runUntil(
      since + withinMs,
      () => acknowledged > 0 && (byAll ? members().every(has) : members().some(has)),
    )
    if (agreed) return
    const seen = this.fleet.present.map(machine => {
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
