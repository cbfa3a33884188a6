// The scenario `store`: whole members as they ship, clients as they ship, and a record of all that was
// applied that everything anybody is told is held against.

import { must } from '../../../platform/errors.js'
import { decodeCommands } from '../../../store/core/command.js'
import { sessionLimits } from '../../../store/core/limits.js'
import type { StoreCore } from '../../../store/core/store-core.js'
import type { StoreMember } from '../../../store/server/options.js'
import { holds } from '../failure.js'
import type { Machine } from '../machine.js'
import type { Program } from '../program.js'
import type { Scenario, ScenarioWorld, Tally } from '../scenario.js'
import type { SimProcess } from '../scheduler.js'
import { between, chance, wholeBetween } from '../streams.js'
import { controlPlaneKinds, type FaultKind, membershipKinds } from '../swarm.js'
import { Asker } from './asker.js'
import { conclude } from './conclusion.js'
import { live } from './habits.js'
import { LeaseBook } from './lease-book.js'
import { MemberProgram } from './member-program.js'
import { AppliedRecord, show } from './record.js'
import { RegisterHistory } from './registers.js'
import { drawStoreSwarm, habits } from './store-swarm.js'
import type { OpenWatch, StoreWorld } from './store-world.js'
import { Witness } from './witness.js'

/** Places in the network; machines are numbered from 1. */
const firstClientHost = 501
const firstCompanionHost = 601
/** Of all clients together, about: more of the same finds nothing more. */
const operationsUsual = 1200

export class StoreScenario implements Scenario {
  /** Who is a member does not change yet, and so nobody who is damaged can be replaced. */
  readonly withoutFaults: ReadonlySet<FaultKind> = new Set([
    ...membershipKinds,
    ...controlPlaneKinds,
    'bit-rot',
    'misdirected-write',
  ])
  private readonly world: StoreWorld
  private readonly askers: Asker[] = []
  /** For each machine a client that knows no other. */
  private readonly companions = new Map<number, Asker>()
  private readonly members: readonly StoreMember[]
  private asking = true
  private working = 0
  /** Of habits of clients. */
  private loops = 0
  private broken: { readonly error: unknown } | null = null

  constructor(base: ScenarioWorld) {
    const { scheduler, swarm, coverage, randomOf } = base
    const mark = (fact: string) => coverage.mark(fact)
    const nowMs = () => scheduler.nowMs
    const leases = new LeaseBook(nowMs, () => Math.max(...base.machines().map(m => m.skew.rate)))
    const store = drawStoreSwarm(randomOf, swarm)
    const record: AppliedRecord = new AppliedRecord({
      sessions: { ...sessionLimits, ...store.core.sessions },
      onCommand: applied => {
        const { command, expected, isNew } = applied
        if (!isNew) {
          if (command.kind === 'openSession') mark('session asked for again')
          witness.applied(applied)
          return
        }
        if (command.kind === 'openSession') mark('session opened')
        if (command.kind === 'leaseGrant' && expected?.ok === true)
          leases.granted(must(record.reference.leases.get(command.id), 'a granted lease'))
        if (command.kind === 'leaseRevoke') this.revoked(command, expected?.ok === true)
        if (command.kind === 'leaseCheckpoint')
          for (const { remainingSeconds } of command.checkpoints)
            mark(remainingSeconds === 0 ? 'lease checkpoint withdrawn' : 'lease checkpoint')
        witness.applied(applied)
      },
    })
    const witness = new Witness(record, nowMs, mark)
    this.world = {
      ...base,
      store,
      record,
      witness,
      leases,
      registers: new RegisterHistory(),
      watches: new Set<OpenWatch>(),
      mark,
      broke: error => {
        this.broken ??= { error }
      },
      asking: () => this.asking,
      thinkMsMax: () => {
        const { thinkMsMax, untilMs } = swarm
        return Math.max(thinkMsMax, (2 * untilMs * this.loops) / operationsUsual)
      },
    }
    const ids = Array.from({ length: swarm.members }, (_, at) => at + 1)
    this.members = ids.map(id => ({
      id,
      name: `m${id}`,
      peerAddress: `m${id}:2380`,
      clientAddress: `m${id}:2379`,
    }))
  }

  get clientHosts(): readonly number[] {
    return this.askers.map(({ host }) => host)
  }

  get tally(): Tally {
    const { asked, acknowledged, refused, unknown, reads } = this.world.witness
    return { operations: asked, acknowledged, refused, unknown, reads }
  }

  private revoked(
    { id, leaderTerm }: { readonly id: number; readonly leaderTerm: number },
    done: boolean,
  ): void {
    const { leases, mark } = this.world
    if (leaderTerm === 0) mark(`lease revoked by a client: ${done ? 'done' : 'refused'}`)
    else if (!done) mark('lease revoke refused: stale or late')
    else {
      mark('lease expired')
      leases.expired(id)
    }
  }

  programOf(machine: Machine): Program {
    const { swarm, store, randomOf, record, restoring, mark } = this.world
    return new MemberProgram({
      machine,
      members: this.members,
      swarm,
      store,
      random: randomOf(`state/${machine.id}`),
      born: null,
      mark,
      opened: core => {
        record.same(machine.id, core)
        this.look(machine, core)
      },
      observer: {
        paused: ({ data }, core) => {
          mark('entry in several turns')
          // Of several commands the first ones may be seen already.
          if (decodeCommands(data).length === 1) this.look(machine, core)
        },
        applied: (entry, results, core) => record.applied(machine.id, entry, results, core),
        restored: core => {
          record.same(machine.id, core)
          this.look(machine, core)
          restoring(machine)
        },
        watched: ({ startRevision = 0 }, core) => {
          if (startRevision === 0) return
          const behind = core.revision - startRevision
          const inLog = store.core.watch?.logEventsMax ?? 0
          mark(behind < 0 ? 'watch of the future' : behind > inLog ? 'watch of the past' : 'watch')
        },
      },
    })
  }

  /** All that can be read of a state is what the record says of its index. */
  look(machine: Machine, core: StoreCore): void {
    const { record, scheduler } = this.world
    const { revision, compactRevision, appliedIndex } = core
    if (appliedIndex === 0) return
    const oldest = Math.max(1, compactRevision)
    for (const at of new Set([oldest, Math.floor((oldest + revision) / 2), revision])) {
      const found = core.range({ key: Buffer.from('\0'), end: Buffer.from('\0'), revision: at })
      const wanted = record.reference.liveIn({ start: '', end: null }, at)
      holds(
        show(found.kvs) === show(wanted),
        'equal-states',
        () =>
          `${machine.name} at index ${appliedIndex} has at revision ${at} ${show(found.kvs)}, it should be ${show(wanted)}`,
      )
    }
    const { leases } = core.leaseLeases()
    const known = [...record.reference.leases.values()]
      .filter(
        ({ grantedAt, goneAt }) =>
          grantedAt <= appliedIndex && !(goneAt > 0 && goneAt <= appliedIndex),
      )
      .map(({ id }) => id)
      .sort((a, b) => a - b)
    holds(
      show(leases) === show(known),
      'equal-states',
      () =>
        `${machine.name} at index ${appliedIndex} has leases ${show(leases)}, not ${show(known)}`,
    )
    for (const id of leases) {
      const { keys } = core.leaseTimeToLive(id, true, scheduler.nowMs)
      const attached = record.reference.attachedTo(id, revision).map(({ key }) => key)
      holds(
        show(keys) === show(attached),
        'equal-states',
        () => `${machine.name} has ${show(keys)} on lease ${id}, not ${show(attached)}`,
      )
    }
  }

  begin(): void {
    const { swarm, store, randomOf } = this.world
    for (const { id } of this.members) this.companionOf(id)
    for (let at = 0; at < swarm.clients; at += 1) {
      const random = randomOf(`habits/${at}`)
      const first = random.integer(this.members.length)
      const all = this.members.map(({ clientAddress }) => clientAddress)
      const rotated = [...all.slice(first), ...all.slice(0, first)]
      const asker = this.asker(
        firstClientHost + at,
        chance(random, 0.3) ? rotated.slice(0, 1) : rotated,
        chance(random, 0.6),
      )
      this.askers.push(asker)
      const own = habits.filter(habit => store.habits.has(habit) && chance(random, 0.6))
      for (const habit of own.length === 0 ? (['registers'] as const) : own) {
        const loops = habit === 'crowd' || habit === 'compactions' ? 1 : wholeBetween(random, 1, 2)
        this.loops += loops
        for (let loop = 0; loop < loops; loop += 1) this.work(live(asker, habit))
      }
    }
  }

  private asker(host: number, endpoints: readonly string[], preferFirst: boolean): Asker {
    const { swarm, randomOf } = this.world
    const random = randomOf(`skew/${host}`)
    const rate = swarm.faults.has('clock-skew') ? between(random, 0.8, 1.25) : 1
    const skew = { rate, wallOffsetMs: 0 }
    return new Asker({ world: this.world, host, endpoints, preferFirst, skew })
  }

  private companionOf(id: number): Asker {
    const known = this.companions.get(id)
    if (known !== undefined) return known
    const asker = this.asker(firstCompanionHost + id, [`m${id}:2379`], true)
    this.companions.set(id, asker)
    return asker
  }

  private work(work: Promise<void>): void {
    this.working += 1
    work.then(
      () => {
        this.working -= 1
      },
      error => this.world.broke(error),
    )
  }

  propose(machine: Machine, bytes: number, done: (index: number | null) => void): void {
    const { witness } = this.world
    const { done: answer, mark } = this.companionOf(machine.id).put('a', 'x'.repeat(bytes))
    this.work(
      answer.then(response => {
        done(response === null ? null : witness.indexOf(mark))
      }),
    )
  }

  burst(machine: Machine, count: number): void {
    const { operationsMax, witness, store } = this.world
    const companion = this.companionOf(machine.id)
    for (let at = 0; at < count && witness.asked < operationsMax; at += 1) {
      const padding = 'x'.repeat(Math.min(at * 8, store.valueBytesMax))
      this.work(companion.put(`b${at % 3}`, padding).done.then(() => {}))
    }
  }

  read(machine: Machine): void {
    const companion = this.companionOf(machine.id)
    this.work(companion.range({ key: Buffer.from('b'), end: Buffer.from('c') }).done.then(() => {}))
  }

  died(): void {}

  rested(process: SimProcess): Promise<void> | null {
    return process.machine >= firstClientHost ? fewPromises() : null
  }

  placeOf(): null {
    return null
  }

  hasPower(): boolean {
    return true
  }

  strike(): boolean {
    return false
  }

  throwIfBroken(): void {
    if (this.broken !== null) throw this.broken.error
  }

  heal(): void {
    const { network, machines } = this.world
    for (const { host } of [...this.askers, ...this.companions.values()]) {
      for (const { id } of machines()) {
        network.way(host, id).clear()
        network.way(id, host).clear()
      }
    }
  }

  rest(): void {
    this.asking = false
  }

  async conclude(): Promise<void> {
    this.rest()
    await conclude({
      world: this.world,
      companions: [...this.companions.values()],
      idle: () => this.working === 0,
      look: (machine, core) => this.look(machine, core),
    })
  }
}

/** How deep a chain of promises may be that one step of a client brings to its end. */
const promiseDepth = 12

async function fewPromises(): Promise<void> {
  for (let depth = 0; depth < promiseDepth; depth += 1) await Promise.resolve()
}
