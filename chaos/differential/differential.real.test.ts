// The same random operations against a real etcd and against a member of ours, over the same gRPC:
// answers, revisions, events and errors are equal. docs/etcd.md lists where they are not meant to be.

import { expect, test } from 'vitest'

import { nodeRandom } from '../../platform/node/random.js'
import { EtcdProcess } from '../../store/etcd/testing/etcd-process.js'
import { MemberProcess } from '../../store/server/testing/member-process.js'
import type { Message, Operation } from './operation.js'
import { describe as describeDifference, parseScript, scriptOf } from './report.js'
import { type Rivals, duelOfSeed, shrink } from './run.js'
import { type Answer, Side } from './side.js'

/**
 * A hundred thousand operations of two seeds that stay, one with users and one without, and a random
 * one; others are asked for by name.
 */
const shares = sharesOf(
  process.env['RAFTSMAN_DIFFERENTIAL_SEEDS'] ?? '1:35000,2:35000,random:30000',
)
const shrinkRunsMax = 60
/** A tenth of what a whole share may take; a server that hangs is given up after a run or two. */
const shrinkMsMax = 90_000

const withOurs: Rivals = {
  reference: () => EtcdProcess.start(),
  // A login is to last for the whole sequence, as a token of etcd's that is used.
  subject: () => MemberProcess.start({ flags: ['--auth-token-ttl=86400'] }),
  subjectIsOurs: true,
}
const withItself: Rivals = {
  ...withOurs,
  subject: () => EtcdProcess.start(),
  subjectIsOurs: false,
}

/** As in "1:35000,random:30000": seeds, with how many operations of each. */
function sharesOf(text: string): readonly { readonly seed: number; readonly operations: number }[] {
  return text.split(',').map(share => {
    const [seed, operations] = share.split(':')
    return {
      seed: seed === 'random' ? nodeRandom().integer(2 ** 32) : Number(seed),
      operations: Number(operations ?? 100_000),
    }
  })
}

const replayOf = (seed: number, operations: number): string =>
  `RAFTSMAN_DIFFERENTIAL_SEEDS=${seed}:${operations} npm test -- chaos/differential`

/** Fails with the shortest sequence that shows the difference. */
async function equalFor(rivals: Rivals, seed: number, operations: number): Promise<number> {
  const tally = await duelOfSeed(rivals, seed, operations)
  if (tally.found === null) return tally.operations
  // At once: whatever becomes of the search for a shorter sequence, this is known.
  process.stdout.write(
    `seed ${seed}: ${describeDifference(tally.found.difference)}\nagain: ${replayOf(seed, operations)}\n`,
  )
  const endMs = performance.now() + shrinkMsMax
  const { difference, operations: shortest } = await shrink(
    rivals,
    tally.found,
    shrinkRunsMax,
    () => performance.now() > endMs,
  )
  throw new Error(
    `seed ${seed}: ${describeDifference(difference)}\nscript:\n${scriptOf(shortest)}\n` +
      `again: ${replayOf(seed, operations)}`,
  )
}

test(
  'a hundred thousand operations are answered as a real etcd answers them',
  async () => {
    for (const { seed, operations } of shares) {
      process.stdout.write(`differential test, again: ${replayOf(seed, operations)}\n`)
    }
    await Promise.all(
      shares.map(async ({ seed, operations }) => {
        expect(await equalFor(withOurs, seed, operations)).toBeGreaterThanOrEqual(operations)
      }),
    )
  },
  15 * 60_000,
)

test('the comparison itself is quiet: a real etcd is equal to another one', async () => {
  expect(await equalFor(withItself, 4, 4_000)).toBeGreaterThanOrEqual(4_000)
})

/** A server that is wrong in one point, by changing what goes in or comes out. */
class Liar extends Side {
  readonly #ask: (operation: Operation) => Operation
  readonly #answer: (operation: Operation, answer: Answer) => Answer

  constructor(
    address: string,
    ask: (operation: Operation) => Operation,
    answer: (operation: Operation, answer: Answer) => Answer,
  ) {
    super(address)
    this.#ask = ask
    this.#answer = answer
  }

  override async perform(operation: Exclude<Operation, { call: 'Settle' }>): Promise<Answer> {
    const asked = this.#ask(operation) as Exclude<Operation, { call: 'Settle' }>
    return this.#answer(operation, await super.perform(asked))
  }
}

const without = (message: Message, field: string): Message => {
  const rest = { ...message }
  Reflect.deleteProperty(rest, field)
  return rest
}

const lies: Readonly<Record<string, (address: string) => Side>> = {
  'counts only what the limit lets through': address =>
    new Liar(
      address,
      operation => operation,
      (operation, answer) =>
        operation.call === 'Range' && answer['more'] === true ? { ...answer, count: '1' } : answer,
    ),
  'forgets the lease of a put': address =>
    new Liar(
      address,
      operation =>
        operation.call === 'Put'
          ? { ...operation, request: without(operation.request, 'lease') }
          : operation,
      (_operation, answer) => answer,
    ),
  'says an error in other words': address =>
    new Liar(
      address,
      operation => operation,
      (_operation, answer) =>
        answer['error'] === 'OUT_OF_RANGE' ? { ...answer, text: 'out of range' } : answer,
    ),
  'does not filter what a watch is not to see': address =>
    new Liar(
      address,
      operation =>
        operation.call === 'Watch'
          ? { ...operation, request: without(operation.request, 'filters') }
          : operation,
      (_operation, answer) => answer,
    ),
}

test.each(Object.keys(lies))('a server that %s is found out', async lie => {
  const subjectSide = lies[lie] as (address: string) => Side
  const tally = await duelOfSeed({ ...withItself, subjectSide }, 5, 10_000)
  expect(tally.found).not.toBeNull()
})

test('a difference is shrunk to the operations that it takes, as a script that can be read back', async () => {
  const subjectSide = lies['forgets the lease of a put'] as (address: string) => Side
  const rivals = { ...withItself, subjectSide }
  const { found } = await duelOfSeed(rivals, 6, 400)
  if (found === null) throw new Error('the lie was not found')
  const shortest = await shrink(rivals, found, 30)
  expect(shortest.operations.length).toBeLessThanOrEqual(4)
  expect(parseScript(scriptOf(shortest.operations))).toEqual(shortest.operations)
  expect(describeDifference(shortest.difference)).toContain('reference | subject')
})
