// Sequences against two fresh servers: as many operations as asked for from a seed, and, where they
// differ, the shortest sequence that still does.

import { must } from '../../platform/errors.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { Duel } from './duel.js'
import type { Difference } from './duel.js'
import { avoided } from './exceptions.js'
import { Generator } from './generator.js'
import { type Operation, weightOf } from './operation.js'
import { Side } from './side.js'

export interface Server {
  readonly address: string
  stop(): Promise<void>
}

export interface Rivals {
  readonly reference: () => Promise<Server>
  readonly subject: () => Promise<Server>
  /** And not another etcd, so that it refuses what ours refuses. */
  readonly subjectIsOurs: boolean
  /** A subject that is spoken to in another way: one that lies, to prove that it is found out. */
  readonly subjectSide?: (address: string) => Side
}

export interface Found {
  readonly difference: Difference
  /** From a new store to the difference. */
  readonly operations: readonly Operation[]
}

export interface Tally {
  readonly found: Found | null
  readonly operations: number
  readonly requests: number
}

/** A sequence of the seed that stands for at least so many operations. */
export async function duelOfSeed(rivals: Rivals, seed: number, atLeast: number): Promise<Tally> {
  const generator = new Generator(seededRandom(seed))
  const made: Operation[] = []
  let operations = 0
  function* sequence(): Iterable<Operation> {
    while (operations < atLeast) {
      const operation = avoided(generator.next())
      made.push(operation)
      operations += weightOf(operation)
      yield operation
    }
  }
  const difference = await duelOf(rivals, sequence())
  const found =
    difference === null ? null : { difference, operations: made.slice(0, difference.at + 1) }
  return { found, operations, requests: made.length }
}

export async function duelOf(
  rivals: Rivals,
  operations: Iterable<Operation>,
): Promise<Difference | null> {
  const servers = await Promise.all([rivals.reference(), rivals.subject()])
  const [one, other] = servers
  const reference = new Side(one.address)
  const subject = rivals.subjectSide?.(other.address) ?? new Side(other.address)
  try {
    return await new Duel(reference, subject, rivals.subjectIsOurs).run(operations)
  } finally {
    reference.close()
    subject.close()
    await Promise.all(servers.map(server => server.stop()))
  }
}

/**
 * Takes out ever smaller parts while the same kind of difference stays. Counterpart: Zeller's ddmin.
 * No further run begins once `over` says so.
 */
export async function shrink(
  rivals: Rivals,
  found: Found,
  runsMax: number,
  over: () => boolean = () => false,
): Promise<Found> {
  let best = found
  let runs = 0
  let part = Math.ceil(best.operations.length / 2)
  const goesOn = (): boolean => runs < runsMax && !over()
  while (goesOn() && best.operations.length > 1) {
    let smaller = false
    for (let at = 0; at < best.operations.length - 1 && goesOn(); ) {
      const rest = best.operations.toSpliced(at, part)
      // The last one is what showed the difference.
      if (rest.at(-1) !== best.operations.at(-1)) rest.push(must(best.operations.at(-1), 'a last'))
      runs += 1
      const difference = rest.length < best.operations.length ? await duelOf(rivals, rest) : null
      if (difference !== null && difference.kind === best.difference.kind) {
        best = { difference, operations: rest.slice(0, difference.at + 1) }
        smaller = true
      } else at += part
    }
    if (part === 1 && !smaller) return best
    part = Math.max(1, Math.floor(part / 2))
  }
  return best
}
