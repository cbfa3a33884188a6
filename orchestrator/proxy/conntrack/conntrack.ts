// Runs `conntrack` to find and end flows of UDP. A machine without it works, except that clients of a UDP
// Service may talk to a backend that is gone until their flow is forgotten; said once.

import type { Clock } from '../../../platform/clock.js'
import { RaftsmanError } from '../../../platform/errors.js'
import type { Logger } from '../../../platform/logger.js'
import type { Processes } from '../../../platform/processes.js'
import { runCommand } from '../../../platform/run-command.js'
import type { AddressFamily } from '../../api/address-range.js'
import { type Flow, parseFlow } from './stale-flows.js'

export interface ConntrackOptions {
  readonly processes: Processes
  readonly clock: Clock
  readonly logger: Logger
  readonly searchPath: string
}

const timeoutMs = 10_000
const outputBytesMax = 64 * 1024 * 1024
/** Of one clean-up; what is left goes with the next change, or by itself. */
const commandsPerRunMax = 1000

export class Conntrack {
  readonly #options: ConntrackOptions
  #missing = false

  constructor(options: ConntrackOptions) {
    this.#options = options
  }

  /** All flows of UDP; none where that cannot be told. */
  async flows(family: AddressFamily): Promise<readonly Flow[]> {
    const listed = await this.#run(['-L', '-p', 'udp', '-f', family.toLowerCase()])
    return (listed ?? '').split('\n').flatMap(line => parseFlow(line) ?? [])
  }

  /** How many were found and ended. All flows between a Service and one who answers go by one command. */
  async end(flows: readonly Flow[], family: AddressFamily): Promise<number> {
    const commands = new Map(
      flows.map(({ destination, answerer }) => {
        const to = `--orig-dst ${destination.address} --orig-port-dst ${destination.port}`
        const by = `--reply-src ${answerer.address} --reply-port-src ${answerer.port}`
        const command = `-D -p udp -f ${family.toLowerCase()} ${to} ${by}`
        return [command, command.split(' ')] as const
      }),
    )
    let ended = 0
    for (const args of [...commands.values()].slice(0, commandsPerRunMax)) {
      const deleted = await this.#run(args)
      ended += (deleted ?? '').split('\n').filter(line => parseFlow(line) !== null).length
    }
    return ended
  }

  async #run(args: readonly string[]): Promise<string | null> {
    const { processes, clock, logger, searchPath } = this.#options
    if (this.#missing) return null
    try {
      const spec = { command: 'conntrack', args, searchPath, timeoutMs, outputBytesMax }
      const result = await runCommand(processes, clock, spec)
      // Nothing to delete is a failure to conntrack: the flow has ended by itself.
      if (result.exitCode === 0 || result.stderr.includes(': 0 flow entries')) return result.stdout
      logger.warn({ error: result.stderr.slice(0, 500) }, 'conntrack failed')
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      this.#missing = error.code === 'command-not-started'
      logger.warn({ error: error.message }, 'flows of UDP are not cleaned up')
    }
    return null
  }
}
