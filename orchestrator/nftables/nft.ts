// Runs nft. Counterpart: the shell side of sigs.k8s.io/knftables.

import type { Clock } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Processes } from '../../platform/processes.js'
import { type CommandResult, runCommand } from '../../platform/run-command.js'
import { audit } from './audit.js'
import type { NftTable } from './table.js'
import { transaction } from './transaction.js'

export interface NftOptions {
  readonly processes: Processes
  readonly clock: Clock
  /** PATH in which programs are looked for. */
  readonly searchPath: string
}

/** `nft-refused`: nothing of the transaction holds; the message is what nft said first. */
export class NftError extends RaftsmanError {
  constructor(message: string) {
    super(message, { code: 'nft-refused', retryable: true, outcome: 'not-applied' })
  }
}

/** As long as the kernel may take for a table of ten thousands of rules, several times over. */
const timeoutMs = 30_000
const outputBytesMax = 256 * 1024 * 1024
const messageCharactersMax = 500
const noSuchTable = 'No such file or directory'

export type Applied = 'full' | 'partial' | 'nothing'

/** What one table is known to be, and the way to change it. */
export class KernelTable {
  readonly #options: NftOptions
  /** Null while it is not known what is there. */
  #known: NftTable | null = null

  constructor(options: NftOptions) {
    this.#options = options
  }

  get known(): NftTable | null {
    return this.#known
  }

  /** One transaction at a time. @throws NftError, CommandError; the next one then is a full one. */
  async apply(table: NftTable): Promise<Applied> {
    const before = this.#known
    const commands = transaction(before, table)
    if (commands === null) return 'nothing'
    this.#known = null
    await this.#run(['-f', '-'], commands)
    this.#known = table
    return before === null ? 'full' : 'partial'
  }

  /** What is different in the kernel, as a sentence; the next transaction then is a full one. */
  async audit(): Promise<string | null> {
    const known = this.#known
    if (known === null) return null
    let difference: string | null
    try {
      const { stdout } = await this.#run(['-j', '-n', 'list', 'table', known.family, known.name])
      difference = audit(JSON.parse(stdout), known)
    } catch (error) {
      // Any other complaint is of nft itself, one without JSON for instance: then nothing is known.
      if (!(error instanceof NftError) || !error.message.includes(noSuchTable)) throw error
      difference = 'the table is gone'
    }
    if (difference !== null && this.#known === known) this.#known = null
    return difference
  }

  async #run(args: readonly string[], input?: string): Promise<CommandResult> {
    const { processes, clock, searchPath } = this.#options
    const result = await runCommand(processes, clock, {
      command: 'nft',
      args,
      searchPath,
      ...(input === undefined ? {} : { input }),
      timeoutMs,
      outputBytesMax,
    })
    if (result.exitCode !== 0) throw new NftError(firstComplaint(result.stderr))
    return result
  }
}

function firstComplaint(stderr: string): string {
  const line = stderr.split('\n').find(text => text.includes('rror')) ?? stderr
  return `nft: ${line.trim() === '' ? 'it ended without a word' : line.slice(0, messageCharactersMax)}`
}
