// In which form a command may stand in the log, by what the cluster is at and what its members know.

import { expect, test } from 'vitest'

import type { Command } from '../core/command.js'
import { StoreError } from '../core/errors.js'
import { VersionDesk, type VersionDeskOptions } from './version-desk.js'

const nonce = Buffer.alloc(16, 1)
const by = { user: 'alice', authRevision: 1 }
const named: Command = { kind: 'openSession', nonce }
const nameless: Command = { kind: 'openSession' }

/** What goes into the log. */
function logged(clusterVersion: number, peerKnows: number | null, command: Command): unknown {
  const log: Command[] = []
  const desk = new VersionDesk({
    id: 1,
    speaks: { min: 1, max: 4 },
    raft: {
      status: () => ({ confState: { voters: [1, 2], votersOutgoing: [], learners: [] } }),
      peerVersions: () => new Map(peerKnows === null ? [] : [[2, { min: 1, max: peerKnows }]]),
    },
    machine: { clusterVersion: { version: clusterVersion, downgradeTo: null } },
    writes: () => ({ submit: (raise: Command) => log.push(raise) }),
  } as unknown as VersionDeskOptions)
  try {
    log.push(desk.admit(command))
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return error.code
  }
  return log
}

const raise = (version: number): Command => ({
  kind: 'cluster',
  change: { kind: 'raise', version },
})

test.each<[string, number, number | null, Command, unknown]>([
  ['as it is where the cluster knows it', 4, null, named, [named]],
  ['behind what raises the version, once all know it', 3, 4, named, [raise(4), named]],
  ['without its nonce while a member knows none', 3, 3, named, [nameless]],
  ['without its nonce while a member has not said what it knows', 3, null, named, [nameless]],
  ['without its nonce, and raises as far as can be', 2, 3, named, [raise(3), nameless]],
  ['with its user all the same', 3, 3, { ...named, by }, [{ ...nameless, by }]],
  ['not at all where there are no sessions', 2, 2, named, 'version-too-low'],
  ['as it is when it has no nonce', 3, 4, nameless, [nameless]],
])('An opening stands in the log %s.', (_how, version, peerKnows, command, expected) => {
  expect(logged(version, peerKnows, command)).toEqual(expected)
})
