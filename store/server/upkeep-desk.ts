// Requests of operators: alarms and the version of the cluster. Reads are answered with the quorum's
// leave, changes go through the log. Counterpart: Alarm and Downgrade of etcd's Maintenance service.

import { unreachable } from '../../platform/errors.js'
import { versionOfRelease } from '../core/cluster-command.js'
import type { Command } from '../core/command.js'
import type { Replica as Machine } from '../core/replica.js'
import type { SpaceResponse } from '../core/types.js'
import type { Request } from '../protocol.js'
import type { Defragmentation } from './defragmentation.js'
import type { Requester } from './requester.js'

export type UpkeepRequest = Extract<Request, { kind: 'alarm' | 'space' | 'clusterVersion' }>

export interface UpkeepDeskOptions {
  readonly machine: Machine
  readonly defragmentation: Defragmentation
  /** Runs `act` once the quorum has confirmed that what is read is not old; what it throws is the answer. */
  readonly afterQuorum: (requester: Requester, id: number, act: () => void) => void
  readonly write: (requester: Requester, id: number, command: Command) => void
}

export class UpkeepDesk {
  readonly #options: UpkeepDeskOptions

  constructor(options: UpkeepDeskOptions) {
    this.#options = options
  }

  /** Answers the requester, once. What it throws is the answer too. */
  handle(requester: Requester, request: UpkeepRequest): void {
    switch (request.kind) {
      case 'alarm':
        this.#alarm(requester, request)
        return
      case 'space':
        if (request.defragment) this.#options.defragmentation.start()
        requester.answer({ kind: 'space', id: request.id, response: this.space() })
        return
      case 'clusterVersion':
        this.#clusterVersion(requester, request)
        return
      default:
        unreachable(request)
    }
  }

  /** Of this member alone. */
  space(): SpaceResponse {
    const { machine, defragmentation } = this.#options
    return {
      header: machine.header(),
      fileBytes: machine.dbFileBytes,
      inUseBytes: machine.dbSizeBytes,
      usedBytes: machine.usedBytes,
      quotaBytes: machine.quotaBytes,
      defragmenting: defragmentation.running,
      givenBytes: defragmentation.givenBytes,
    }
  }

  #alarm(requester: Requester, { id, request }: Extract<UpkeepRequest, { kind: 'alarm' }>): void {
    const { machine, afterQuorum, write } = this.#options
    const { action, kind, member } = request
    if (action !== 'get') {
      write(requester, id, {
        kind: 'alarm',
        activate: action === 'activate',
        alarm: { kind, member },
      })
      return
    }
    afterQuorum(requester, id, () => {
      const alarms = machine.alarms.list(kind)
      requester.answer({ kind: 'alarm', id, response: { header: machine.header(), alarms } })
    })
  }

  #clusterVersion(
    requester: Requester,
    { id, request }: Extract<UpkeepRequest, { kind: 'clusterVersion' }>,
  ): void {
    const { machine, afterQuorum, write } = this.#options
    const { action } = request
    const answer = (): void => {
      const response = machine.clusterVersion.response(machine.header())
      requester.answer({ kind: 'clusterVersion', id, response })
    }
    switch (action) {
      case 'get':
        afterQuorum(requester, id, answer)
        return
      case 'validate': {
        const target = versionOfRelease(request.target)
        afterQuorum(requester, id, () => {
          machine.clusterVersion.checkDowngrade(target)
          answer()
        })
        return
      }
      case 'downgrade': {
        const target = versionOfRelease(request.target)
        write(requester, id, { kind: 'cluster', change: { kind: 'downgrade', target } })
        return
      }
      case 'cancel':
        write(requester, id, { kind: 'cluster', change: { kind: 'endDowngrade' } })
        return
      default:
        unreachable(action)
    }
  }
}
