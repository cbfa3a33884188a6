// The version of the cluster, looked after: the leader raises it once every member is known to speak
// the next one, and ends a downgrade once every member has been replaced. Counterpart: monitorVersions
// and monitorDowngrade of etcd's server, which ask over HTTP; here peers say it when they are linked.

import { RaftsmanError } from '../../platform/errors.js'
import type { SoftState } from '../../raft/core/types.js'
import type { Replica as Raft, VersionRange } from '../../raft/index.js'
import type { ClusterChange } from '../core/cluster-command.js'
import { type Command, commandVersion } from '../core/command.js'
import { StoreError } from '../core/errors.js'
import { withoutNonce } from '../core/sessions/session-command.js'
import type { Replica as Machine } from '../core/replica.js'
import type { WriteBatcher, WriteOrigin } from './write-batcher.js'

export interface VersionDeskOptions {
  readonly id: number
  readonly speaks: VersionRange
  readonly raft: Raft
  readonly machine: Machine
  readonly writes: () => WriteBatcher
}

export class VersionDesk {
  readonly #options: VersionDeskOptions
  #proposed = false
  /** Whatever became of it, it is looked at again in the next tick. */
  readonly #origin: WriteOrigin = {
    written: () => {
      this.#proposed = false
    },
    notWritten: () => {
      this.#proposed = false
    },
  }

  constructor(options: VersionDeskOptions) {
    this.#options = options
  }

  /** About once a second, and when somebody becomes leader. */
  tick({ role }: SoftState): void {
    if (role !== 'leader' || this.#proposed) return
    const change = this.#due()
    if (change !== null) this.#propose(change)
  }

  /**
   * Before `command` is put into an entry. A new cluster need not wait for the leader's next look: what raises
   * the version goes ahead of the first command that needs it. Answers the form in which the command
   * may stand in the log. Throws `version-too-low`.
   */
  admit(command: Command): Command {
    const { clusterVersion } = this.#options.machine
    const needed = commandVersion(command)
    if (needed <= clusterVersion.version) return command
    const { by: _, ...anonymous } = command
    // Where authors are not known yet, there are no users either.
    if (commandVersion(anonymous) <= clusterVersion.version) return anonymous
    const change = this.#due()
    if (change?.kind !== 'raise' || change.version < needed) {
      const older = withoutNonce(command)
      if (older !== null) return this.admit(older)
      throw new StoreError('version-too-low')
    }
    this.#propose(change)
    return command
  }

  #due(): ClusterChange | null {
    const { clusterVersion } = this.#options.machine
    const spoken = this.#spokenByAll()
    if (spoken === null) return null
    if (clusterVersion.downgradeTo !== null) {
      return spoken <= clusterVersion.downgradeTo ? { kind: 'endDowngrade' } : null
    }
    return spoken > clusterVersion.version ? { kind: 'raise', version: spoken } : null
  }

  /** The newest version that every member knows; null while one of them has not said what it does. */
  #spokenByAll(): number | null {
    const { id, raft, speaks } = this.#options
    const { voters, votersOutgoing, learners } = raft.status().confState
    const versions = raft.peerVersions()
    let spoken = speaks.max
    for (const member of [...voters, ...votersOutgoing, ...learners]) {
      if (member === id) continue
      const said = versions.get(member)
      if (said === undefined) return null
      spoken = Math.min(spoken, said.max)
    }
    return spoken
  }

  #propose(change: ClusterChange): void {
    this.#proposed = true
    try {
      const command = { kind: 'cluster', change } as const
      // Who speaks no version yet knows no authors either.
      const authored = change.kind === 'raise' ? command : ({ ...command, by: 'member' } as const)
      this.#options.writes().submit(authored, this.#origin, 0)
    } catch (error) {
      // Too much is under way.
      if (!(error instanceof RaftsmanError)) throw error
      this.#proposed = false
    }
  }
}
