// The clients: each asks members for writes and reads, several at a time, and tells the history what
// it was answered. They do not choose well on purpose: any member will do, also one that is cut off.

import type { Random } from '../../platform/random.js'
import type { History } from './history.js'
import { payloadOf } from './history.js'
import type { Machine } from './machine.js'
import type { Scheduler, SimProcess } from './scheduler.js'
import { between, chance, pick, wholeBetween } from './streams.js'
import type { SwarmOptions } from './swarm.js'
import { holds } from './failure.js'

export interface WorkloadOptions {
  readonly scheduler: Scheduler
  readonly history: History
  readonly swarm: SwarmOptions
  readonly randomOf: (name: string) => Random
  readonly machines: () => readonly Machine[]
  readonly operationsMax: number
  readonly mark: (fact: string) => void
}

/** Operations of one client under way. */
const underWayMax = 8

export class Workload {
  operations = 0
  resting = false
  private readonly options: WorkloadOptions
  /** What ends operations that nobody will answer, by the process that was asked. */
  private readonly open = new Map<SimProcess, Set<() => void>>()

  constructor(options: WorkloadOptions) {
    this.options = options
  }

  begin(): void {
    const { swarm, randomOf } = this.options
    for (let client = 1; client <= swarm.clients; client += 1)
      this.next(randomOf(`client/${client}`), { underWay: 0 })
  }

  private next(random: Random, client: { underWay: number }): void {
    const { scheduler, swarm } = this.options
    scheduler.after(between(random, 0, swarm.thinkMsMax), 'client', null, () => {
      this.next(random, client)
      if (this.resting || client.underWay >= underWayMax) return
      if (this.operations >= this.options.operationsMax) return
      const machine = pick(random, this.options.machines())
      const burst = chance(random, 0.1) ? wholeBetween(random, 2, 6) : 1
      const reads = chance(random, swarm.readShare)
      for (let at = 0; at < burst; at += 1) {
        const bytes = wholeBetween(random, 8, swarm.payloadBytesMax)
        if (machine === undefined || machine.node === null || machine.process === null) continue
        client.underWay += 1
        const done = () => {
          client.underWay -= 1
        }
        if (reads) this.read(machine, done)
        else this.propose(machine, bytes, done)
      }
    })
  }

  burst(machine: Machine, count: number): void {
    const { operationsMax, swarm } = this.options
    for (let at = 0; at < count && this.operations < operationsMax; at += 1)
      this.propose(machine, Math.min(8 + at * 8, swarm.payloadBytesMax), () => {})
  }

  /** A step of the process that is asked, as when its client's frame arrives. */
  private at(process: SimProcess, run: () => void): void {
    this.options.scheduler.after(0, 'client', process, run)
  }

  propose(machine: Machine, bytes: number, done: (index: number | null) => void): void {
    const { history, scheduler, mark } = this.options
    const { node, process } = machine
    if (node === null || process === null) {
      done(null)
      return
    }
    this.operations += 1
    const proposal = history.begin(scheduler.nowMs)
    const answered = this.underWay(process, () => {
      history.fail(proposal, 'unknown')
      done(null)
    })
    let returned = false
    this.at(process, () => {
      node.propose(payloadOf(proposal.id, bytes), (error, result) => {
        holds(returned, 'acknowledged-once', () => 'an answer comes before the call returned')
        answered()
        if (error === null) {
          history.acknowledge(proposal, Number(result))
          done(Number(result))
          return
        }
        mark(`proposal: ${error.code}, ${error.outcome}`)
        history.fail(proposal, error.outcome)
        done(null)
      })
      returned = true
    })
  }

  read(machine: Machine, done: () => void): void {
    const { history, mark } = this.options
    const { node, process } = machine
    if (node === null || process === null) {
      done()
      return
    }
    this.operations += 1
    const floor = history.knownIndex
    const answered = this.underWay(process, () => {
      history.readsFailed += 1
      done()
    })
    this.at(process, () => {
      node.readIndex((error, index) => {
        answered()
        done()
        if (error !== null || index === undefined) {
          mark(`read: ${error?.code ?? 'no index'}`)
          history.readsFailed += 1
          return
        }
        const applied = machine.program.appliedIndex
        holds(
          applied >= index,
          'linearizable-reads',
          () => `m${machine.id} answers a read at ${index} and has applied ${applied}`,
        )
        history.read(machine.id, floor, index)
      })
    })
  }

  /** `lost` runs when the process dies, unless the answer has come before. */
  private underWay(process: SimProcess, lost: () => void): () => void {
    const open = this.open.get(process) ?? new Set()
    this.open.set(process, open)
    open.add(lost)
    return () => {
      open.delete(lost)
    }
  }

  /** A process is gone: what it was asked may have happened, and nobody will say. */
  died(process: SimProcess): void {
    const open = this.open.get(process) ?? []
    this.open.delete(process)
    for (const lost of open) lost()
  }
}
