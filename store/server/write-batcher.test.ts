// How the writes of one turn are put into entries of the log.

import { expect, test } from 'vitest'

import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import type { Replica as Raft } from '../../raft/index.js'
import { decodeCommands } from '../core/command.js'
import type { Command } from '../core/command.js'
import { WriteBatcher } from './write-batcher.js'

const nobody = { written() {}, notWritten() {} }
const key = Buffer.from('k')
const put = (bytes = 1): Command => ({ kind: 'put', request: { key, value: Buffer.alloc(bytes) } })
const txn = (puts: number): Command => ({
  kind: 'txn',
  request: {
    compare: [],
    success: Array.from({ length: puts }, (_, at) => ({
      kind: 'put',
      request: { key: Buffer.from(String(at)), value: key },
    })),
    failure: [],
  },
})

/** Commands of each entry that one turn makes of these. */
function entriesOf(commands: readonly Command[]): readonly number[] {
  const clock = new VirtualClock()
  const sizes: number[] = []
  const propose = (payload: Uint8Array) => sizes.push(decodeCommands(payload).length)
  const batcher = new WriteBatcher({ propose } as unknown as Raft, clock, command => command)
  for (const [token, command] of commands.entries()) batcher.submit(command, nobody, token)
  clock.advance(0)
  return sizes
}

test.each<readonly [string, readonly Command[], readonly number[]]>([
  ['what comes in one turn is one entry', Array.from({ length: 10 }, () => put()), [10]],
  ['of so many commands at most', Array.from({ length: 1_500 }, () => put()), [1_024, 476]],
  ['and so many bytes', Array.from({ length: 5 }, () => put(400_000)), [2, 2, 1]],
  [
    'and so many operations, those in transactions counted',
    Array.from({ length: 40 }, () => txn(100)),
    [20, 20],
  ],
  ['one that is too long for any is alone', [put(), put(1_500_000), put()], [1, 1, 1]],
])('%s', (_name, commands, sizes) => {
  expect(entriesOf(commands)).toEqual(sizes)
})
