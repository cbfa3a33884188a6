// A member that was away for longer than the number of entries that are always kept. Of a small state it is
// given the whole again; of a large one the log that it has missed, for that is the shorter of the two.

import { afterEach, expect, it } from 'vitest'

import type { Logger } from '../../platform/logger.js'
import { silentLogger } from '../../platform/logger.js'
import { clientOf, utf8 } from './testing/clients.js'
import { Fleet, until } from './testing/fleet.js'

const entriesKept = 500
const entriesMissed = 1_500
const away = 3
const others = [1, 2]

let trio: Fleet | null = null

afterEach(async () => {
  await trio?.end()
  trio = null
})

/** What the member that was away says about snapshots. */
function listening(heard: string[]): Logger {
  const logger: Logger = {
    ...silentLogger,
    info: (_fields, message) => {
      if (message.includes('snapshot')) heard.push(message)
    },
    child: () => logger,
  }
  return logger
}

it.each([
  { size: 'small', stateMiB: 0, snapshots: ['receiving snapshot', 'snapshot restored'] },
  { size: 'large', stateMiB: 48, snapshots: [] },
])(
  'comes back to a $size state',
  async ({ stateMiB, snapshots }) => {
    const fleet = await Fleet.found(3, () => ({ entriesKept }))
    trio = fleet
    const core = (id: number) => fleet.server(id).inspect().core
    const raft = (id: number) => fleet.server(id).inspect().raft.inspect().status
    const client = clientOf(others.map(id => fleet.endpoint(id)))
    const value = new Uint8Array(1024 * 1024)
    for (let number = 0; number < stateMiB; number += 1)
      await client.put({ key: utf8(`large/${number}`), value })
    await until(() => core(away).appliedIndex >= raft(1).commit)
    await fleet.halt(away)
    const missedFrom = raft(1).lastIndex
    // One after the other, for puts at the same time share an entry.
    while (raft(1).lastIndex < missedFrom + entriesMissed)
      await client.put({ key: utf8('small'), value: utf8('x') })
    // All that may be cut has been: the others have made durable what they applied, and looked again.
    const { lastIndex } = raft(1)
    await until(() => others.every(id => core(id).durableIndex >= lastIndex))
    await client.put({ key: utf8('small'), value: utf8('y') })
    await until(() => others.every(id => core(id).appliedIndex > lastIndex))
    const isCut = raft(1).firstIndex > missedFrom + 1
    expect(isCut).toBe(snapshots.length > 0)
    const heard: string[] = []
    const logger = listening(heard)
    await fleet.start(away, { logger })
    await until(() => core(away).appliedIndex > lastIndex)
    expect(heard).toEqual(snapshots)
    expect(core(away).contentDigest).toBe(core(1).contentDigest)
    expect(fleet.fatal).toEqual([])
    client.close()
  },
  120_000,
)
